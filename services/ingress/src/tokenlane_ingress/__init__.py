"""The door: OpenAI's HTTP API on one side, the bus on the other.

A request's life here: `app` routes it, `auth` names its tenant, `accept` checks it, `publisher` hands it to the bus,
`tokenlane_client` reads its answer, `relay` writes it, `custody` keeps it for a client that comes back. Nothing here
knows what a lane is good for.
"""
