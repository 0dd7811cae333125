"""Going on with an answer that another worker began: what is known of it, what to do, how to join the parts."""
