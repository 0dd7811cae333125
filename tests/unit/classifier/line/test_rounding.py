"""Who comes when told does not lack the last bit of a token."""

from tokenlane_classifier.line.limits import Accounts, Ask, TenantLimits
from tokenlane_classifier.line.verdict import Admitted


def test_what_comes_back_in_fractions_adds_up() -> None:
    accounts = Accounts(lambda tenant: TenantLimits(tokens_per_minute=600))
    assert isinstance(accounts.admit("a", Ask(600, 0), 12.0), Admitted)
    for tokens in range(1, 400):
        now_s = 12.0 + tokens / 10
        assert isinstance(accounts.admit("a", Ask(1, 0), now_s), Admitted), tokens
