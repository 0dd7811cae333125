"""The long lane: few large requests at once, in steps large enough to get through their prompts."""
