"""`torch.backends`: what there is underneath, and switches that programs set. Under Tapescope there is NumPy, or CuPy: most switches are kept and change nothing."""

from . import cpu, cuda, cudnn, mha, mkl, mkldnn, mps, nnpack, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mha", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum"]
