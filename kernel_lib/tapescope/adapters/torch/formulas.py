"""The derivatives of PyTorch's commonest nodes in LaTeX; g is what arrives, y the output."""

from __future__ import annotations

_FORMULAS = {
    "Add": r"\bar a = g,\quad \bar b = \alpha g", "Sub": r"\bar a = g,\quad \bar b = -\alpha g", "Mul": r"\bar a = g\,b,\quad \bar b = g\,a",
    "Div": r"\bar a = \frac{g}{b},\quad \bar b = -\frac{g\,a}{b^2}", "Neg": r"\bar x = -g", "Pow": r"\bar x = g\,n\,x^{n-1}",
    "Exp": r"\bar x = g\,y", "Log": r"\bar x = \frac{g}{x}", "Sqrt": r"\bar x = \frac{g}{2y}", "Rsqrt": r"\bar x = -\tfrac12\,g\,y^3", "Abs": r"\bar x = g\,\operatorname{sign} x",
    "Sigmoid": r"\bar x = g\,y\,(1-y)", "Tanh": r"\bar x = g\,(1-y^2)", "Relu": r"\bar x = g\,[y>0]", "Sin": r"\bar x = g\cos x", "Cos": r"\bar x = -g\sin x",
    "Gelu": r"\bar x = g\,(\Phi(x)+x\,\varphi(x))", "Silu": r"\bar x = g\,\sigma(x)\,(1+x(1-\sigma(x)))",
    "Mm": r"\bar A = g\,B^{\top},\quad \bar B = A^{\top} g", "Bmm": r"\bar A = g\,B^{\top},\quad \bar B = A^{\top} g",
    "Addmm": r"\bar c = \beta g,\quad \bar A = \alpha\,g\,B^{\top},\quad \bar B = \alpha\,A^{\top} g",
    "Sum": r"\bar x = g \text{ at every element}", "Mean": r"\bar x = \frac{g}{n} \text{ at every element}",
    "Softmax": r"\bar x = y\,(g - \textstyle\sum g\,y)", "LogSoftmax": r"\bar x = g - e^{y}\textstyle\sum g", "NllLoss": r"\bar x_{i,t_i} = -\frac{g}{n}",
    "MseLoss": r"\bar x = \frac{2g}{n}(x - t)", "NativeLayerNorm": r"\bar x = \frac{1}{\sigma}\left(g\gamma - \overline{g\gamma} - \hat x\,\overline{g\gamma\hat x}\right)",
    "NativeBatchNorm": r"\bar x = \frac{\gamma}{\sigma}\left(g - \overline{g} - \hat x\,\overline{g\hat x}\right)",
    "T": r"\bar x = g^{\top}", "Transpose": r"\bar x = g^{\top}", "Permute": r"\bar x = g \text{ permuted back}", "View": r"\bar x = g \text{ in the shape of } x",
    "UnsafeView": r"\bar x = g \text{ in the shape of } x", "Clone": r"\bar x = g", "Expand": r"\bar x = \textstyle\sum g \text{ over what was repeated}",
    "Embedding": r"\bar W_{k} = \textstyle\sum_{i:\,t_i=k} g_i", "Cat": r"\bar x_i = \text{its part of } g", "MaskedFill": r"\bar x = g\,[\neg m]", "ToCopy": r"\bar x = g \text{ in the dtype of } x",
    "Convolution": r"\bar x = g \star W^{\ast},\quad \bar W = x \star g,\quad \bar b = \textstyle\sum g"}


def formula(name: str) -> str:
    """The formula of a node by its name, '' where none is written down."""
    return r"\theta.\mathrm{grad} \mathrel{+}= g" if name == "AccumulateGrad" else _FORMULAS.get(name.rstrip("0123456789").removesuffix("Backward"), "")
