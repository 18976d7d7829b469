"""The torch side: backbone, adapters, head and CRF. Imports neither spaCy nor thinc."""

import logging

# bitsandbytes, where it is installed, says that it lacks an optional package each time that peft is imported; and that
# states are cast, each time that it multiplies in 8 bits.
for _noisy in ("bitsandbytes.backends.cpu.ops", "bitsandbytes.autograd._functions"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)
