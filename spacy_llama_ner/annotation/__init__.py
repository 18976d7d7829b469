"""Annotate any amount of text: records stream in, entities stream out, a kill costs one part.

`source` reads records, `batches` cuts them, `batch` annotates one batch, `local` and `ray_data` run over all of them
here or on Ray, `journal` keeps what is done, `outputs` writes it, and `run` joins these.
"""
