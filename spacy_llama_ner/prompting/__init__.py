"""Named entities by asking a language model: what fine-tuning is compared with.

The vendors' own clients (`openai`, `anthropic`) make the calls. litellm would stand for both, but it pulls in
dozens of packages
and hides its retries, which have to count against the cap on calls; spacy-llm has no cap, and pins older clients.
"""
