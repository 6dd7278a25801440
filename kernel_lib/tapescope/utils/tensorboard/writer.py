"""SummaryWriter."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.state import mode
from ...formats import protobuf as pb
from . import arrays, embedding, summary
from .arrays import as_array
from .event_file import VERSION, FileWriter, event

_bins: Any = None


def _default_bins() -> Any:
    """TensorFlow's limits: from 1e-12 on, each 1.1 times the last, and their negatives."""
    global _bins
    if _bins is None:
        v, up = 1e-12, []
        while v < 1e20:
            up.append(v)
            v *= 1.1
        _bins = np.array([-b for b in reversed(up)] + [0] + up)
    return _bins


class SummaryWriter:
    """Writes event files into `log_dir`, for TensorBoard; what it writes is also part of the recording that runs.

    Without `log_dir` it is `runs/<time>_<host><comment>`. `purge_step` makes TensorBoard forget what an earlier run wrote from that step on.
    Up to `max_queue` events wait to be written, none longer than `flush_secs` seconds.
    """

    def __init__(self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10, flush_secs: float = 120,
                 filename_suffix: str = "") -> None:
        if not log_dir:
            import socket
            from datetime import datetime

            log_dir = os.path.join("runs", datetime.now().strftime("%b%d_%H-%M-%S") + "_" + socket.gethostname() + comment)
        self.log_dir = log_dir
        self.purge_step, self.max_queue, self.flush_secs, self.filename_suffix = purge_step, max_queue, flush_secs, filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._embeddings = ""
        self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        writer = self.file_writer
        if writer is None:
            writer = self.file_writer = FileWriter(self.log_dir, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers = {writer.get_logdir(): writer}
            if self.purge_step is not None:
                writer.add_event(event(pb.text(3, VERSION), self.purge_step))
                writer.add_event(event(pb.chunk(7, pb.integer(1, 1)), self.purge_step))         # a session starts
                self.purge_step = None
        return writer

    @property
    def default_bins(self) -> list[float]:
        """The limits of bins="tensorflow"."""
        return list(_default_bins())

    def get_logdir(self) -> Any:
        """The folder of the event files."""
        return self.log_dir

    def _add(self, data: bytes, step: int | None, walltime: float | None) -> None:
        self._get_file_writer().add_summary(data, step, walltime)

    # -- numbers ---------------------------------------------------------------------------------------------------------

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int | None = None, walltime: float | None = None, new_style: bool = False,
                   double_precision: bool = False) -> None:
        """Adds a number. Raises AssertionError for more than one element."""
        x = summary.number(scalar_value)
        writer = self.file_writer or self._get_file_writer()
        if new_style:
            writer.add_summary(summary.scalar(tag, x, True, double_precision), global_step, walltime)
        else:
            writer.add_event(event(summary.scalar_field(tag, x), global_step, walltime))
        if mode.sink is not None:
            mode.sink.log("scalar", tag, x, global_step, {})

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds several numbers to one chart, each in a run of its own."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        assert self.all_writers is not None
        for tag, given in tag_scalar_dict.items():
            x = summary.number(given)
            path = folder + "/" + main_tag.replace("/", "_") + "_" + tag
            writer = self.all_writers.get(path)
            if writer is None:
                writer = self.all_writers[path] = FileWriter(path, self.max_queue, self.flush_secs, self.filename_suffix)
            writer.add_event(event(summary.scalar_field(main_tag, x), global_step, walltime))
            if mode.sink is not None:
                mode.sink.log("scalar", f"{main_tag}/{tag}", x, global_step, {})

    def add_tensor(self, tag: str, tensor: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds a tensor as it is."""
        self._add(summary.tensor(tag, tensor), global_step, walltime)
        self._tape("tensor", tag, as_array(tensor), global_step)

    def add_histogram(self, tag: str, values: Any, global_step: int | None = None, bins: Any = "tensorflow", walltime: float | None = None,
                      max_bins: int | None = None) -> None:
        """Adds a histogram of all elements; `bins` as for numpy.histogram."""
        data = as_array(values)
        bins = _default_bins() if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(summary.histogram(tag, data.astype(float), bins, max_bins), global_step, walltime)
        self._tape("histogram", tag, data, global_step)

    def add_histogram_raw(self, tag: str, min: float, max: float, num: float, sum: float, sum_squares: float, bucket_limits: Any, bucket_counts: Any,
                          global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds a histogram from its parts; `bucket_limits` are upper limits."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        self._add(summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts), global_step, walltime)
        self._tape("histogram_raw", tag, np.stack([summary.as_plain(bucket_limits), summary.as_plain(bucket_counts)]), global_step)

    def add_pr_curve(self, tag: str, labels: Any, predictions: Any, global_step: int | None = None, num_thresholds: int = 127, weights: Any = None,
                     walltime: float | None = None) -> None:
        """Adds precision and recall of predictions in [0, 1] against labels 0 and 1."""
        num_thresholds = min(num_thresholds, 127)
        data = summary.curve(as_array(labels), as_array(predictions), num_thresholds, weights)
        self._add(summary.pr_curve_raw(tag, data, num_thresholds), global_step, walltime)
        self._tape("pr_curve", tag, data, global_step)

    def add_pr_curve_raw(self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any, false_negative_counts: Any,
                         precision: Any, recall: Any, global_step: int | None = None, num_thresholds: int = 127, weights: Any = None,
                         walltime: float | None = None) -> None:
        """Adds a precision-recall curve from counts."""
        parts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall)
        self._add(summary.pr_curve_raw(tag, parts, num_thresholds), global_step, walltime)
        self._tape("pr_curve", tag, np.stack([summary.as_plain(p) for p in parts]), global_step)

    def add_hparams(self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: dict[str, list[Any]] | None = None,
                    run_name: str | None = None, global_step: int | None = None) -> None:
        """Adds a set of hyperparameters and what came of them, as a run of its own."""
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(folder) as inner:
            for part in parts:
                inner._add(part, global_step, None)
            for k, v in metric_dict.items():
                inner.add_scalar(k, v, global_step)
        told = {k: v if isinstance(v, (int, float, str, type(None))) else summary.number(v) for k, v in hparam_dict.items()}
        self._tape("hparams", run_name or "hparams", json.dumps(told), global_step, "application/json")

    # -- pictures, sounds, words -------------------------------------------------------------------------------------------

    def add_image(self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None, dataformats: str = "CHW") -> None:
        """Adds a picture: bytes, or values in [0, 1]."""
        self._image(tag, arrays.to_hwc(as_array(img_tensor), dataformats), global_step, walltime)

    def add_images(self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None, dataformats: str = "NCHW") -> None:
        """Adds pictures, side by side as one."""
        self._image(tag, arrays.to_hwc(as_array(img_tensor), dataformats), global_step, walltime)

    def add_image_with_boxes(self, tag: str, img_tensor: Any, box_tensor: Any, global_step: int | None = None, walltime: float | None = None,
                             rescale: float = 1, dataformats: str = "CHW", labels: Any = None) -> None:
        """Adds a picture with boxes (left, top, right, bottom) and their labels drawn into it."""
        boxes = as_array(box_tensor)
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != len(boxes):
            labels = None
        self._image(tag, arrays.to_hwc(as_array(img_tensor), dataformats), global_step, walltime, rescale, boxes, labels)

    def _image(self, tag: str, pixels: Any, step: int | None, walltime: float | None, *how: Any) -> None:
        data = arrays.png(arrays.to_bytes(pixels), *how)
        height, width, channels = pixels.shape
        self._add(summary.image(tag, data, height, width, channels), step, walltime)
        self._tape("image", tag, data, step, "image/png", height=height, width=width)

    def add_figure(self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None) -> None:
        """Adds a matplotlib figure, or a list of them; `close` closes it afterwards."""
        self.add_image(tag, arrays.figure(figure, close), global_step, walltime, "NCHW" if isinstance(figure, list) else "CHW")

    def add_video(self, tag: str, vid_tensor: Any, global_step: int | None = None, fps: float = 4, walltime: float | None = None) -> None:
        """Adds a film [N, T, C, H, W] as a GIF."""
        data, height, width, channels = arrays.film(as_array(vid_tensor), fps)
        self._add(summary.image(tag, data, height, width, channels), global_step, walltime)
        self._tape("video", tag, data, global_step, "image/gif", height=height, width=width)

    def add_audio(self, tag: str, snd_tensor: Any, global_step: int | None = None, sample_rate: int = 44100, walltime: float | None = None) -> None:
        """Adds a sound: samples in [-1, 1]."""
        data, frames = arrays.sound(as_array(snd_tensor), sample_rate)
        self._add(summary.audio(tag, data, sample_rate, frames), global_step, walltime)
        self._tape("audio", tag, data, global_step, "audio/wav", sample_rate=sample_rate)

    def add_text(self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)
        self._tape("text", tag, text_string, global_step, "text/markdown")

    # -- structures ----------------------------------------------------------------------------------------------------------

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Refused: ONNX files are not read here. Raises NotImplementedError."""
        raise NotImplementedError("add_onnx_graph is not offered: ONNX files are not read here; add_graph(model, input) shows a model")

    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True) -> None:
        """Adds the graph of a forward pass with the given input (a tensor or a tuple)."""
        from .graph import graph

        data = graph(model, input_to_model, verbose)
        writer = self._get_file_writer()
        writer.add_event(event(pb.chunk(4, data)))
        device = pb.chunk(1, pb.chunk(1, pb.text(1, "/device:CPU:0")))
        writer.add_event(event(pb.chunk(8, pb.text(1, "step1") + pb.chunk(2, device))))

    @staticmethod
    def _encode(rawstr: str) -> str:
        for c in "%/\\":
            rawstr = rawstr.replace(c, f"%{ord(c):02x}")
        return rawstr

    def add_embedding(self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: int | None = None, tag: str = "default",
                      metadata_header: Sequence[str] | None = None) -> None:
        """Adds points [n, d] to the projector, with labels and thumbnails [n, c, h, w]."""
        matrix = as_array(mat)
        if matrix.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        if metadata is not None and len(metadata) != len(matrix):
            raise AssertionError("#labels should equal with #data points")
        if label_img is not None and len(label_img) != len(matrix):
            raise AssertionError("#images should equal with #data points")
        folder = self._get_file_writer().get_logdir()
        number = str(0 if global_step is None else global_step).zfill(5)
        self._embeddings += embedding.write(folder, f"{number}/{self._encode(tag)}", matrix, metadata, label_img, metadata_header, f"{tag}:{number}")
        with open(os.path.join(folder, "projector_config.pbtxt"), "w", encoding="utf-8") as f:
            f.write(self._embeddings)
        if mode.sink is not None:
            mode.sink.log("embedding", tag, matrix, global_step, {"metadata": metadata, "label_img": None if label_img is None else as_array(label_img)})

    def add_mesh(self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: dict[str, Any] | None = None,
                 global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds a cloud of points or a mesh: vertices, colours and faces, each [batch, n, 3]."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)
        for name, part in (("vertices", vertices), ("colors", colors), ("faces", faces)):
            if part is not None:
                self._tape("mesh", tag, as_array(part), global_step, part=name)

    def add_custom_scalars(self, layout: dict[str, Any]) -> None:
        """Says which scalars share a chart: {category: {title: ["Multiline" or "Margin", [tags]]}}."""
        self._add(summary.custom_scalars(layout), None, None)
        self._tape("custom_scalars", "layout", json.dumps(layout), None, "application/json")

    def add_custom_scalars_multilinechart(self, tags: Sequence[str], category: str = "default", title: str = "untitled") -> None:
        """Says that these scalars share a chart."""
        self.add_custom_scalars({category: {title: ["Multiline", list(tags)]}})

    def add_custom_scalars_marginchart(self, tags: Sequence[str], category: str = "default", title: str = "untitled") -> None:
        """Says that the second and third of these scalars are the margins of the first."""
        if len(tags) != 3:
            raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
        self.add_custom_scalars({category: {title: ["Margin", list(tags)]}})

    def _tape(self, kind: str, tag: str, value: Any, step: int | None, mime: str = "", **meta: Any) -> None:
        if mode.sink is not None:
            mode.sink.log(kind, tag, value, step, {"mime": mime, **meta} if mime else meta)

    # -- files ---------------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Writes what waits and closes the files; what is added later opens new ones."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
