"""Named entities by asking a language model: what fine-tuning is compared with.

The vendors' own clients (`openai`, `anthropic`) make the calls, with their retries off, so that every call counts
against the cap. litellm 1.110 stands for both, but takes 20 further packages, 200 MB and 5 s to import, and asks the
network for prices while it is imported; spacy-llm 0.7 has no cap and reports no tokens.
"""
