"""Execute the notebook anew and keep its outputs: `python notebooks/execute.py`."""

import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent / "en_llama_crf_ner.ipynb"
TIMEOUT = 600  # seconds a cell


def execute(notebook: nbformat.NotebookNode, *, folder: Path) -> nbformat.NotebookNode:
    """Execute a notebook with this Python in a fresh kernel.

    notebook (NotebookNode): The notebook; its outputs are replaced.
    folder (Path): Where the kernel starts.
    RETURNS (NotebookNode): The same notebook.
    RAISES (CellExecutionError): If a cell fails.
    """
    # The kernels of this environment alone: a user may have registered another Python by that name.
    kernels = KernelSpecManager(kernel_dirs=[str(Path(sys.prefix, "share", "jupyter", "kernels"))])
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels)
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=TIMEOUT,
        resources={"metadata": {"path": str(folder)}},
        # So that the file changes only where a result does.
        record_timing=False,
        coalesce_streams=True,
    )
    client.owns_km = True  # so that it ends the kernel, which then removes its temporary folder
    return client.execute()


def main() -> None:
    """Execute the notebook and write it, if no cell fails."""
    notebook = execute(nbformat.read(NOTEBOOK, as_version=4), folder=NOTEBOOK.parent)
    # Of the language the kernel tells its version, too, which would differ between machines.
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
