"""The libraries that a notebook imports beside this one take Tensors: matplotlib, pandas, scikit-learn, plotly and tqdm."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn, optim
from tapescope.utils.data import DataLoader, TensorDataset

NO_GRAD = r"^Can't call numpy\(\) on Tensor that requires grad\. Use tensor\.detach\(\)\.numpy\(\) instead\."


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed: it belongs to the extra `examples`")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    yield plt
    plt.close("all")


@pytest.fixture
def pd():
    return pytest.importorskip("pandas", reason="pandas is not installed: it belongs to the extra `examples`")


@pytest.fixture
def digits():
    """Real pictures: 300 of scikit-learn's digits, as tensors of features in [0, 1] and labels.

    In double precision: scikit-learn does not know a Tensor's dtype for one of NumPy's and computes in double whatever it is, as it does for PyTorch's.
    """
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed: it belongs to the extra `examples`")
    data = datasets.load_digits()
    return ts.from_numpy(data.data[:300]) / 16, ts.from_numpy(data.target[:300])


def drawn(figure) -> np.ndarray:
    """The picture of a figure as pixels."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy()


# ---- matplotlib ------------------------------------------------------------------------------------------------------

CURVE = np.linspace(0, 6, 50, dtype=np.float32)
PICTURE = np.random.default_rng(0).random((8, 9), dtype=np.float32)
DRAWINGS = {
    "plot": (lambda ax, a: ax.plot(a), CURVE), "plot two": (lambda ax, a: ax.plot(a, a ** 2), CURVE), "scatter": (lambda ax, a: ax.scatter(a, a, c=a, s=a), CURVE),
    "bar": (lambda ax, a: ax.bar(range(len(a)), a), CURVE), "hist": (lambda ax, a: ax.hist(a, bins=7), CURVE), "hist2d": (lambda ax, a: ax.hist2d(a, a), CURVE),
    "fill_between": (lambda ax, a: ax.fill_between(a, a - 1, a + 1), CURVE), "errorbar": (lambda ax, a: ax.errorbar(a, a, yerr=a), CURVE),
    "boxplot": (lambda ax, a: ax.boxplot(a), CURVE), "stem": (lambda ax, a: ax.stem(a), CURVE), "axhline": (lambda ax, a: ax.axhline(a[3]), CURVE),
    "set_xlim": (lambda ax, a: ax.set_xlim(a[0], a[5]), CURVE), "imshow": (lambda ax, a: ax.imshow(a), PICTURE), "matshow": (lambda ax, a: ax.matshow(a), PICTURE),
    "pcolormesh": (lambda ax, a: ax.pcolormesh(a), PICTURE), "contour": (lambda ax, a: ax.contour(a), PICTURE),
    "quiver": (lambda ax, a: ax.quiver(a, a), PICTURE), "rgb": (lambda ax, a: ax.imshow(a), np.random.default_rng(0).random((4, 5, 3), dtype=np.float32)),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_matplotlib_draws_a_tensor_as_it_draws_the_array(plt, name):
    draw, array = DRAWINGS[name]
    pictures = []
    for value in (array, ts.from_numpy(array.copy()), array ** 2):
        figure, ax = plt.subplots(figsize=(2, 2), dpi=50)
        draw(ax, value)
        pictures.append(drawn(figure))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2]), "the picture does not depend on the values"


@pytest.mark.parametrize("name", ["hist", "scatter", "bar", "imshow"])
def test_matplotlib_passes_on_that_a_tensor_in_training_must_be_detached(plt, name):
    draw, array = DRAWINGS[name]
    _, ax = plt.subplots()
    with pytest.raises(RuntimeError, match=NO_GRAD):
        draw(ax, ts.from_numpy(array.copy()).requires_grad_())
    draw(ax, ts.from_numpy(array.copy()).requires_grad_().detach())


def test_matplotlib_plots_a_list_of_losses(plt):
    losses = [ts.tensor(float(k), requires_grad=True).detach() for k in range(5)]
    _, ax = plt.subplots()
    [line] = ax.plot(losses)
    assert list(line.get_ydata()) == [0, 1, 2, 3, 4]


# ---- pandas ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [ts.float32, ts.float64, ts.int64, ts.int32, ts.uint8, ts.bool])
def test_pandas_columns_and_tables_keep_type_and_values(pd, dtype):
    a = ts.arange(6).to(dtype)
    series = pd.Series(a)
    assert series.dtype == a.numpy().dtype and series.tolist() == a.tolist()
    table = pd.DataFrame(a.reshape(3, 2), columns=["a", "b"])
    assert set(table.dtypes) == {a.numpy().dtype} and table["b"].tolist() == a[1::2].tolist()
    mixed = pd.DataFrame({"a": a, "n": np.arange(6), "again": a})
    assert mixed["again"].tolist() == a.tolist() and mixed["a"].dtype == a.numpy().dtype


def test_pandas_takes_tensors_in_its_operations(pd):
    table = pd.DataFrame({"a": [1, 2, 3]}).assign(b=ts.tensor([3.0, 4.0, 5.0]))
    assert table["b"].mean() == 4 and table.iloc[ts.tensor([0, 2])]["a"].tolist() == [1, 3]
    table["c"] = ts.tensor([1, 0, 1])
    assert table.groupby("c")["b"].sum().tolist() == [4, 8] and (pd.Series([1.0, 2.0]) + ts.tensor([1.0, 1.0])).tolist() == [2, 3]
    assert pd.cut(ts.arange(4.0), 2).codes.tolist() == [0, 0, 1, 1] and pd.Series(ts.tensor([1.0, 2.0]), index=ts.tensor([5, 6]))[6] == 2
    assert pd.DataFrame([{"step": k, "loss": ts.tensor(k / 2).item()} for k in range(3)])["loss"].tolist() == [0, 0.5, 1]


def test_pandas_and_back(pd):
    table = pd.DataFrame({"a": [1.5, 2.5], "b": [3.5, 4.5]})
    assert ts.tensor(table.values).tolist() == [[1.5, 3.5], [2.5, 4.5]] and ts.tensor(table["a"].values).dtype == ts.float64
    assert ts.tensor(table["a"].to_numpy(), dtype=ts.float32).dtype == ts.float32 and ts.tensor(table["a"]).tolist() == [1.5, 2.5]


# pandas 3 makes its arrays from `copy=False` and hands on what the tensor says.
@pytest.mark.parametrize("kind", ["Series", "DataFrame"])
def test_pandas_passes_on_that_a_tensor_in_training_must_be_detached(pd, kind):
    with pytest.raises(RuntimeError, match=NO_GRAD):
        getattr(pd, kind)(ts.ones(3).requires_grad_())


# ---- scikit-learn ----------------------------------------------------------------------------------------------------

def test_sklearn_fits_and_predicts(digits):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    x, y = digits
    from_tensors = linear_model.LogisticRegression(max_iter=200).fit(x, y)
    from_arrays = linear_model.LogisticRegression(max_iter=200).fit(x.numpy(), y.numpy())
    assert np.array_equal(from_tensors.coef_, from_arrays.coef_)
    assert from_tensors.score(x, y) == from_arrays.score(x.numpy(), y.numpy()) > 0.95
    assert ts.from_numpy(from_tensors.predict(x)).eq(y).float().mean().item() > 0.95


def test_sklearn_transforms_splits_and_measures(digits):
    cluster, decomposition, metrics, selection, preprocessing = (pytest.importorskip(f"sklearn.{part}", reason="scikit-learn is not installed") for part in (
        "cluster", "decomposition", "metrics", "model_selection", "preprocessing"))
    x, y = digits
    flat = decomposition.PCA(2, random_state=0).fit_transform(x)
    assert np.array_equal(flat, decomposition.PCA(2, random_state=0).fit_transform(x.numpy())) and flat.shape == (300, 2)
    assert np.allclose(preprocessing.StandardScaler().fit_transform(x), preprocessing.StandardScaler().fit_transform(x.numpy()))
    assert len(set(cluster.KMeans(4, n_init=1, random_state=0).fit_predict(x).tolist())) == 4
    train_x, test_x, train_y, test_y = selection.train_test_split(x, y, test_size=0.2, random_state=0)
    assert all(isinstance(part, ts.Tensor) for part in (train_x, test_x, train_y, test_y)) and tuple(train_x.shape) == (240, 64) and len(test_y) == 60
    wrong = y.clone()
    wrong[:30] = 0
    assert metrics.accuracy_score(y, wrong) == metrics.accuracy_score(y.numpy(), wrong.numpy()) < 1
    assert metrics.confusion_matrix(y, wrong).sum() == 300 and "precision" in metrics.classification_report(y, wrong)
    assert metrics.f1_score(y, wrong, average="macro") == metrics.f1_score(y.numpy(), wrong.numpy(), average="macro")
    scores = ts.rand(300)
    assert metrics.roc_auc_score(y > 4, scores) == metrics.roc_auc_score((y > 4).numpy(), scores.numpy())
    assert metrics.mean_squared_error(x, x) == 0 and metrics.silhouette_score(x, y) > 0


def test_sklearn_passes_on_that_a_tensor_in_training_must_be_detached(digits):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    with pytest.raises(RuntimeError, match=NO_GRAD):
        metrics.mean_squared_error(digits[0], digits[0].clone().requires_grad_())


# ---- plotly ----------------------------------------------------------------------------------------------------------

def values(array) -> list[float]:
    return np.asarray(array).tolist()


def test_plotly_takes_tensors_as_data():
    import plotly.graph_objects as go

    a = ts.linspace(0, 1, 5)
    figure = go.Figure([go.Scatter(x=a, y=a ** 2, marker={"size": a * 10, "color": a}), go.Bar(y=a), go.Heatmap(z=ts.arange(6.0).reshape(2, 3)), go.Histogram(x=a)])
    assert values(figure.data[0].y) == values(a ** 2) and values(figure.data[0].marker.size) == values(a * 10)
    assert values(figure.data[2].z) == [[0, 1, 2], [3, 4, 5]]
    assert len(json.loads(figure.to_json())["data"]) == 4


def test_plotly_express_takes_tensors(pd):
    import plotly.express as px

    a = ts.arange(5.0)
    assert values(px.line(x=a, y=a * 2).data[0].y) == [0, 2, 4, 6, 8]
    assert values(px.scatter(x=a, y=a, color=a).data[0].marker.color) == values(a)
    assert values(px.histogram(x=a).data[0].x) == values(a) and px.imshow(ts.rand(4, 5)).data[0].z.shape == (4, 5)
    assert values(px.line(pd.DataFrame({"a": a}), y="a").data[0].y) == values(a)


def test_plotly_passes_on_that_a_tensor_in_training_must_be_detached():
    import plotly.express as px

    with pytest.raises(RuntimeError, match=NO_GRAD):
        px.line(y=ts.ones(3).requires_grad_())


# ---- tqdm ------------------------------------------------------------------------------------------------------------

def test_tqdm_counts_a_data_loader():
    tqdm = pytest.importorskip("tqdm", reason="tqdm is not installed: it belongs to the extra `examples`").tqdm
    loader = DataLoader(TensorDataset(ts.rand(10, 2), ts.arange(10)), batch_size=4)
    model, out = nn.Linear(2, 1), io.StringIO()
    opt = optim.SGD(model.parameters(), lr=0.1)
    bar = tqdm(loader, file=out, mininterval=0)
    assert bar.total == 3
    for x, y in bar:
        loss = (model(x).squeeze(1) - y).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        bar.set_postfix(loss=loss.item(), shape=tuple(x.shape))
    assert bar.n == 3 and "3/3" in out.getvalue() and "loss=" in out.getvalue() and "shape=(2, 2)" in out.getvalue()


def test_tqdm_over_a_tensor_and_with_a_tensor_in_its_words():
    tqdm = pytest.importorskip("tqdm", reason="tqdm is not installed").tqdm
    out = io.StringIO()
    bar = tqdm(ts.arange(5), file=out, mininterval=0)
    assert bar.total == 5 and sum(item.item() for item in bar) == 10
    bar = tqdm(range(1), file=out, mininterval=0)
    for _ in bar:
        bar.set_postfix(loss=ts.tensor(1.23456))
        bar.set_description(f"loss {ts.tensor(0.5):.3f}")
    assert "loss 0.500" in out.getvalue()
