"""Which of the requests that wait goes next, which is let in, and when one that is not may come again. Pure: times by
any clock that does not go back, in seconds; identifiers and chance are arguments."""
