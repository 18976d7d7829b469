"""Pretrain a small Llama from scratch, or train one on: text to a Hugging Face folder. Without spaCy."""
