"""`torch.utils.tensorboard`: writes what TensorBoard reads, without TensorBoard; each call also lands on the tape."""

from .event_file import FileWriter
from .writer import SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
