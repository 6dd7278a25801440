"""The names that people use most, and that are not to be missed: in PyTorch's places, every one of them."""

from __future__ import annotations

import importlib.util
from operator import attrgetter
from typing import Any

import pytest

import tapescope as ts

NAMES = {
    "": (
        "tensor zeros ones randn arange from_numpy rand zeros_like randint linspace eye empty ones_like randn_like randperm full as_tensor "
        "multinomial normal tril triu meshgrid bernoulli rand_like full_like empty_like diag tril_indices no_grad device cuda.is_available "
        "manual_seed save load float32 long float bool int64 float16 bfloat16 int32 float64 uint8 set_grad_enabled inference_mode set_printoptions "
        "Generator Size backends.cudnn.deterministic cuda.manual_seed cuda.manual_seed_all pi inf enable_grad is_grad_enabled is_tensor "
        "set_default_dtype get_default_dtype set_default_device cuda.device_count cuda.synchronize cuda.empty_cache backends.mps.is_available finfo "
        "nan int8 cat sum mean max stack exp sqrt matmul log sigmoid relu tanh softmax argmax min pow clamp abs sin cos mm einsum where topk gather "
        "bmm transpose unsqueeze squeeze reshape flatten permute split chunk sort argsort all any std var cumsum dot mul add sub div neg round "
        "floor ceil square rsqrt sign maximum minimum norm unique nonzero repeat_interleave index_select masked_select masked_fill isnan isfinite "
        "isinf allclose isclose equal eq ne gt ge lt le logical_and logical_or logical_not outer cdist flip roll tile swapaxes movedim unbind "
        "broadcast_to broadcast_tensors prod cumprod logsumexp log_softmax log1p expm1 log2 log10 exp2 erf tan sinh cosh asin acos atan atan2 trace "
        "diagonal det inverse argmin median quantile bincount histc scatter scatter_add take_along_dim fmod remainder reciprocal lerp addmm baddbmm "
        "tensordot vmap"
    ),
    "Tensor": (
        "backward item to shape detach view requires_grad numpy grad size data float cpu zero_ T numel clone dim long dtype device type contiguous "
        "fill_ requires_grad_ t expand repeat copy_ tolist view_as ndim cuda grad_fn is_leaf retain_grad register_hook masked_fill_ scatter_ add_ "
        "mul_ sub_ div_ int bool double normal_ uniform_ type_as expand_as new_zeros new_ones new_tensor detach_ clamp_ exp_ sqrt_ random_ "
        "bernoulli_ mT unfold stride is_contiguous element_size data_ptr register_post_accumulate_grad_hook _version index_add_ index_put_ "
        "unsqueeze_ squeeze_ nelement"
    ),
    "nn": (
        "Linear Module ReLU Sequential CrossEntropyLoss MSELoss Conv2d Sigmoid Dropout Embedding ModuleList MaxPool2d LSTM Parameter Tanh LayerNorm "
        "BatchNorm2d LeakyReLU ConvTranspose2d Softmax BCELoss BCEWithLogitsLoss RNN Flatten NLLLoss GELU LogSoftmax BatchNorm1d Conv1d L1Loss GRU "
        "InstanceNorm2d MultiheadAttention AdaptiveAvgPool2d AvgPool2d Identity Dropout2d Softplus LSTMCell GRUCell Conv3d ELU KLDivLoss Upsample "
        "RMSNorm GroupNorm SiLU TransformerEncoderLayer TransformerEncoder ModuleDict LazyLinear Transformer RNNCell ReflectionPad2d "
        "TransformerDecoderLayer TransformerDecoder MaxPool1d AvgPool1d AdaptiveAvgPool1d AdaptiveMaxPool2d ZeroPad2d ParameterList ParameterDict "
        "SmoothL1Loss HuberLoss PixelShuffle PReLU Hardtanh SELU Mish Unflatten CosineSimilarity TripletMarginLoss CosineEmbeddingLoss EmbeddingBag "
        "BatchNorm3d MaxPool3d ConvTranspose1d"
    ),
    "nn.Module": (
        "parameters named_parameters state_dict load_state_dict train eval to zero_grad children named_children modules named_modules apply "
        "register_buffer register_parameter add_module buffers named_buffers register_forward_hook register_forward_pre_hook "
        "register_full_backward_hook requires_grad_ get_submodule get_parameter float double cuda cpu extra_repr"
    ),
    "nn.functional": (
        "softmax relu cross_entropy log_softmax max_pool2d one_hot nll_loss binary_cross_entropy conv2d scaled_dot_product_attention sigmoid "
        "mse_loss linear dropout normalize silu gelu layer_norm elu interpolate leaky_relu pad avg_pool2d softplus grid_sample adaptive_avg_pool2d "
        "tanh smooth_l1_loss glu embedding logsigmoid cosine_similarity conv1d binary_cross_entropy_with_logits batch_norm conv_transpose2d l1_loss "
        "kl_div huber_loss unfold fold group_norm max_pool1d hardtanh gumbel_softmax triplet_margin_loss"
    ),
    "nn.init": (
        "xavier_uniform_ normal_ constant_ kaiming_uniform_ zeros_ kaiming_normal_ uniform_ xavier_normal_ ones_ trunc_normal_ orthogonal_ "
        "calculate_gain eye_"
    ),
    "nn.utils": (
        "clip_grad_norm_ clip_grad_value_ parameters_to_vector vector_to_parameters rnn.pad_sequence rnn.pack_padded_sequence "
        "rnn.pad_packed_sequence"
    ),
    "optim": (
        "Adam SGD AdamW Optimizer RMSprop Adadelta Adagrad NAdam RAdam Adamax LBFGS"
    ),
    "optim.lr_scheduler": (
        "StepLR LambdaLR MultiStepLR ReduceLROnPlateau CosineAnnealingLR LRScheduler ExponentialLR OneCycleLR CosineAnnealingWarmRestarts LinearLR "
        "SequentialLR CyclicLR"
    ),
    "utils.data": (
        "DataLoader Dataset TensorDataset random_split Subset IterableDataset RandomSampler SequentialSampler SubsetRandomSampler "
        "WeightedRandomSampler BatchSampler ConcatDataset default_collate"
    ),
    "autograd": (
        "grad Function backward gradcheck gradgradcheck set_detect_anomaly detect_anomaly functional.jacobian functional.hessian functional.vjp "
        "functional.jvp graph.saved_tensors_hooks"
    ),
    "linalg": (
        "norm inv det solve eigh svd qr cholesky eig matrix_norm lstsq slogdet pinv matrix_rank"
    ),
    "distributions": (
        "Categorical Normal Bernoulli MultivariateNormal Uniform kl_divergence"
    ),
}
WITHOUT_ML_DTYPES = {"bfloat16"}


def missing(library: Any) -> list[str]:
    found = []
    for place, names in NAMES.items():
        for name in names.split():
            dotted = f"{place}.{name}".lstrip(".")
            try:
                attrgetter(dotted)(library)
            except AttributeError:
                found.append(dotted)
    return found


def test_every_name_is_there() -> None:
    if importlib.util.find_spec("ml_dtypes") is None:
        assert set(missing(ts)) == WITHOUT_ML_DTYPES
        pytest.skip("ml_dtypes is not installed: there is no bfloat16, and every other name is there")
    assert missing(ts) == []


def test_the_list_is_of_pytorchs_names() -> None:
    assert missing(pytest.importorskip("torch", reason="PyTorch is not installed: its names are not looked up")) == []
