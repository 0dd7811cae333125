"""Arrays without an owner, for compiled code that does not outlive the call they were passed to.

numba counts references at every look into a tuple of arrays, with atomic instructions: two thirds of the simulator's
time. An array that has no owner is not counted.
"""

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

_cgutils: Any = cgutils


def _borrowed(_typing: Any, array: Any) -> Any:
    """The same array without its owner; valid as long as the owner lives."""
    if not isinstance(array, types.Array):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        fields = _cgutils.create_struct_proxy(array)(context, builder, value=arguments[0])
        fields.meminfo = _cgutils.get_null_value(fields.meminfo.type)
        fields.parent = _cgutils.get_null_value(fields.parent.type)
        return fields._getvalue()

    return array(array), code


borrowed: Any = intrinsic(_borrowed)
