"""What a request will take: prompt tokens from its bytes, output tokens from what requests like it produced. Pure."""
