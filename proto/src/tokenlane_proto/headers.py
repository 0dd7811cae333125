"""NATS headers. Only what must be readable without decoding the payload rides here: headers cost more than fields."""

MSG_ID = "Nats-Msg-Id"
TRACEPARENT = "traceparent"

# On a bare JSON request, set by its publisher.
REPLY_INBOX = "Tokenlane-Reply-Inbox"
DEADLINE_MS = "Tokenlane-Deadline-Ms"
PRIORITY = "Tokenlane-Priority"
TTFT_MS = "Tokenlane-Ttft-Ms"
IDEMPOTENCY_KEY = "Idempotency-Key"

# On stored results and on plain replies.
REQUEST_ID = "Tokenlane-Request-Id"
OUTCOME = "Tokenlane-Outcome"
STATUS = "Tokenlane-Status"
CONTENT_TYPE = "Content-Type"
REASON = "Tokenlane-Reason"
LANE = "Tokenlane-Lane"
ATTEMPT = "Tokenlane-Attempt"
SEQ = "Tokenlane-Seq"
PROMPT_TOKENS = "Tokenlane-Prompt-Tokens"
COMPLETION_TOKENS = "Tokenlane-Completion-Tokens"
SIMULATED = "Tokenlane-Simulated"
CODE = "Tokenlane-Code"
RETRY_AFTER_MS = "Tokenlane-Retry-After-Ms"
# On a stored result: the worker that stored it, the object that holds its bytes, the budget it was given.
WORKER = "Tokenlane-Worker"
OBJECT = "Tokenlane-Object"
BUDGET_TOKENS = "Tokenlane-Budget-Tokens"
