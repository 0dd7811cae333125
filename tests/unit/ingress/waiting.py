"""What a closed port looks like."""

import asyncio


async def refuses_connections(port: int) -> bool:
    """Whether nothing listens on a loopback port any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    except ConnectionError:  # closed in the middle of it
        return False
    writer.close()
    return False
