"""Tiny random transformers, made from their configs: on the tape, stepped, and trained by a Trainer with TapescopeCallback. No network."""

from __future__ import annotations

import pytest
from tests.references import of_hugging_face

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no model")
transformers = of_hugging_face("transformers", "its models and Trainer are not tried")

import tapescope  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.adapters.torch.nodes import roots_of, walk  # noqa: E402

from .torch_models import gradients, same, traces  # noqa: E402

SMALL = {"vocab_size": 60, "pad_token_id": 0}


def bert():
    return transformers.BertForSequenceClassification(transformers.BertConfig(
        **SMALL, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=32, num_labels=2))


def distilbert():
    return transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(
        **SMALL, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=32, num_labels=2))


def gpt2():
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=1))


MODELS = {"bert": bert, "distilbert": distilbert, "gpt2": gpt2}


@pytest.fixture(autouse=True)
def left_as_found():
    torch.manual_seed(0)
    before = traces()
    yield
    assert traces() == before


def batch(name):
    ids = torch.randint(2, 60, (4, 12))
    mask = torch.ones_like(ids)
    mask[0, 8:] = 0
    return {"input_ids": ids, "attention_mask": mask, "labels": ids if name == "gpt2" else torch.tensor([0, 1, 1, 0])}


@pytest.mark.parametrize("name", MODELS)
def test_models_on_the_tape_and_stepped(name):
    model, data = MODELS[name](), batch(name)

    def run():
        model.zero_grad()
        torch.manual_seed(5)
        return model(**data).loss

    run().backward()
    plain = gradients(model)
    opt = torch.optim.SGD(model.parameters(), 0.0)
    with tst.record(model, values="histogram") as tape:
        for _ in range(3):
            run().backward()
            opt.step()
        assert same(plain, gradients(model))
        loss = run()
        nodes, _ = walk(roots_of([loss]))
        graph = tape.graphs[tape.recorder.current]
        owned = [row for _, seq in nodes if (row := tape.recorder.row_of(seq)) is not None and graph.node_op[row] >= 0]
        assert len(owned) >= 0.99 * len(nodes) > 100
        dbg = tst.debug(loss, module=model)
        assert dbg.tape is tape
        while dbg.state == "held":
            dbg.step()
        assert same(plain, gradients(model))
    assert tape.error is None, tape.error_text
    g = tape.graphs[tape.recorder.current]
    paths = {tape.strings[p] for p in g.mod_path}
    assert any(p.endswith(".1") for p in paths) and len(g.op_name) > 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("accumulation", [1, 2])
def test_trainer(tmp_path, accumulation):
    of_hugging_face("accelerate", "transformers.Trainer needs it")
    from tapescope.adapters.huggingface import TapescopeCallback

    torch.manual_seed(0)
    rows = [{"input_ids": torch.randint(2, 60, (8,)), "labels": i % 2} for i in range(16)]
    args = transformers.TrainingArguments(output_dir=str(tmp_path), max_steps=4, per_device_train_batch_size=4, logging_steps=2, report_to=[], use_cpu=True,
                                          save_strategy="no", gradient_accumulation_steps=accumulation, disable_tqdm=True)
    callback = TapescopeCallback(path=tmp_path / "run", values="stats")
    trainer = transformers.Trainer(model=bert(), args=args, train_dataset=rows, callbacks=[callback])
    trainer.train()
    tape = callback.tape
    assert tape.error is None, tape.error_text
    assert tape.state == "stopped" and tape.step_number == 4
    tags = {tape.strings[int(t)] for f in tape.frames("scalars", max_bytes=1 << 30)[0] for t in f.columns["tag"]}
    assert {"loss", "lr", "grad_norm", "train/loss", "train/learning_rate", "grad_norm/classifier.weight"} <= tags
    labels = {tape.strings[n] for n in tape.graphs[tape.recorder.current].op_name}
    assert {"linear", "layer_norm", "embedding"} <= labels and not {"stack", "pin_memory"} & labels
    stored = tapescope.load_tape(tmp_path / "run")
    assert stored.step_number == 4 and stored.params.get("gradient_accumulation_steps", 1) == accumulation and stored.params["max_steps"] == 4 and stored.params["learning_rate"] == 5e-5
    assert "adam_beta1" not in stored.params


SENTENCES = [f"the {a} {b} is {c}" for a in ("small", "old", "green", "quiet") for b in ("house", "garden", "river") for c in ("good", "bad", "far away")]


@pytest.fixture(scope="module")
def tokenizer():
    tokenizers = of_hugging_face("tokenizers", "no tokenizer can be trained")
    made = tokenizers.ByteLevelBPETokenizer()
    made.train_from_iterator(SENTENCES, vocab_size=300, special_tokens=["<pad>", "<unk>"], show_progress=False)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made._tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=32)


def classifiers(vocabulary):
    small = {"vocab_size": vocabulary, "pad_token_id": 0, "num_labels": 2, "attn_implementation": "eager"}
    return {"bert": lambda: transformers.BertForSequenceClassification(transformers.BertConfig(
                **small, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=32)),
            "distilbert": lambda: transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(
                **small, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=32)),
            "gpt2": lambda: transformers.GPT2ForSequenceClassification(transformers.GPT2Config(**small, n_embd=32, n_layer=2, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=1))}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["bert", "distilbert", "gpt2"])
def test_fine_tuned_for_classification(tmp_path, tokenizer, name):
    datasets = of_hugging_face("datasets", "there is nothing to fine-tune on")
    of_hugging_face("accelerate", "transformers.Trainer needs it")
    from tapescope.adapters.huggingface import TapescopeCallback

    torch.manual_seed(0)
    rows = datasets.Dataset.from_dict({**tokenizer(SENTENCES, truncation=True), "label": [int("good" in s) for s in SENTENCES]}).train_test_split(0.25, seed=0)
    callback = TapescopeCallback(values="histogram")
    trainer = transformers.Trainer(
        model=classifiers(len(tokenizer))[name](), callbacks=[callback], train_dataset=rows["train"], eval_dataset=rows["test"],
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        args=transformers.TrainingArguments(output_dir=str(tmp_path), num_train_epochs=2, per_device_train_batch_size=9, logging_steps=1, eval_strategy="epoch", report_to=[],
                                            use_cpu=True, save_strategy="no", disable_tqdm=True, learning_rate=1e-3))
    trainer.train()
    tape = callback.tape
    assert tape.error is None, tape.error_text
    assert tape.step_number == trainer.state.global_step >= 6
    assert not [f for f in tape.findings() if f.severity == "error"]
    tags = {tape.strings[int(t)] for f in tape.frames("scalars", max_bytes=1 << 30)[0] for t in f.columns["tag"]}
    assert {"loss", "grad_norm", "train/loss", "train/learning_rate", "eval/loss"} <= tags
    g = tape.graphs[tape.recorder.current]
    paths = {tape.strings[p] for p in g.mod_path}
    assert len({p for p in paths if p.rpartition(".")[2] in ("0", "1") and p.count(".") >= 2}) >= 2      # blocks that the views fold
    assert sum(o >= 0 for o in g.node_op) >= 0.99 * sum(s < 0 for s in g.node_src)


@pytest.mark.filterwarnings("ignore")
def test_tokens_name_rows_and_axes(tokenizer, tmp_path):
    torch.manual_seed(0)
    model = classifiers(len(tokenizer))["bert"]()
    data = tokenizer(SENTENCES[:3], return_tensors="pt", padding=True)
    layer = "bert.encoder.layer.0"
    opt = torch.optim.SGD(model.parameters(), 0.1)
    with tst.record(model, tmp_path / "run", tokenizer=tokenizer) as tape:
        for key in (f"activation/{layer}", f"attention/{layer}.attention.self", "weight/bert.embeddings.word_embeddings.weight", "activation/classifier"):
            tape.probe(key)
        for _ in range(2):
            opt.zero_grad()
            model(**data, labels=torch.tensor([0, 1, 0])).loss.backward()
            opt.step()
        attention = min(tape.recorder.values.attentions)
        tape.probe("attention/" + attention)
        model(**data)
    assert tape.error is None, tape.error_text
    words = [tokenizer.convert_ids_to_tokens(row) for row in data["input_ids"]]
    axes = {f.meta["key"]: f.meta["axes"] for f in tape.frames("tensor", max_bytes=1 << 30)[0]}
    assert axes[f"activation/{layer}"] == [{"axis": 1, "by": 0, "words": words}] and axes["activation/classifier"] == []
    assert axes["attention/" + attention] == [{"axis": 2, "by": 0, "words": words}, {"axis": 3, "by": 0, "words": words}]
    table, = axes["weight/bert.embeddings.word_embeddings.weight"]
    assert table["axis"] == 0 and table["words"] == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    stored = tapescope.load_tape(tmp_path / "run")
    got, cursor = stored.frames("tensor", max_bytes=1 << 30)
    told = {}
    while got:
        told |= {f.meta["key"]: f.meta["axes"] for f in got}
        got, cursor = stored.frames("tensor", cursor, max_bytes=1 << 30)
    assert told == axes
    f = stored.frames("projection", id=f"activation/{layer}", max_bytes=1 << 30)[0][-1]
    assert [f.meta["names"][str(i)] for i in f.columns["label"].tolist()] == [w for row in words for w in row]
    projected = {}
    for key in (f"activation/{layer}", "weight/bert.embeddings.word_embeddings.weight"):
        f = tape.frames("projection", id=key, max_bytes=1 << 30)[0][-1]
        projected[key] = [f.meta["names"][str(i)] for i in f.columns["label"].tolist()]
    assert projected[f"activation/{layer}"] == [w for row in words for w in row]
    assert projected["weight/bert.embeddings.word_embeddings.weight"] == table["words"]
    from tapescope.views.static.projector import projector_svg

    assert tape.projector(layer) is not None and ">the<" in projector_svg(tape, f"activation/{layer}").replace("\u0120", "")
    with pytest.raises(TypeError, match="tokenizer is one of transformers', a mapping"):
        tape.tokens(3)


@pytest.mark.filterwarnings("ignore")
def test_attention_maps_and_a_pipeline(tokenizer):
    torch.manual_seed(0)
    model = classifiers(len(tokenizer))["bert"]().eval()
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    plain = pipe(SENTENCES[:3])
    with tst.record(model, values="histogram") as tape:
        pipe(SENTENCES[:2])
        where = sorted(tape.recorder.values.attentions)
        assert len(where) == 2 and all("attention" in p for p in where)
        tape.probe("attention/" + where[0])
        assert pipe(SENTENCES[:3]) == plain
        tape.unprobe("attention/" + where[0])
    assert tape.error is None, tape.error_text
    assert any("attention maps are returned by" in n for n in tape.status()["notes"])
    maps = [(f.meta["shape"], f.columns["values"]) for f in tape.frames("tensor", max_bytes=1 << 30)[0] if f.meta["key"] == "attention/" + where[0]]
    assert maps and maps[0][0][1] == 2 and maps[0][0][2] == maps[0][0][3]
    assert maps[0][1].reshape(maps[0][0]).sum(-1) == pytest.approx(1, rel=1e-4)
    stats = {tape.strings[int(k)] for f in tape.frames("stats", max_bytes=1 << 30)[0] for k in f.columns["key"]}
    assert "activation/classifier" in stats


@pytest.mark.filterwarnings("ignore")
def test_a_loop_of_accelerate():
    accelerate = of_hugging_face("accelerate", "its loop is not tried")
    model, data = bert(), batch("bert")
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model, opt = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), 1e-3))
    with tst.record(model) as tape:
        for _ in range(6):
            with accelerator.accumulate(model):
                accelerator.backward(model(**data).loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                opt.step()
                opt.zero_grad()
    assert tape.error is None, tape.error_text
    assert tape.step_number == 3 and not tape.findings()
    assert {"classifier.weight", "bert.embeddings.word_embeddings.weight"} <= {p.name for p in tape.recorder.names.params}


@pytest.mark.filterwarnings("ignore")
def test_lightning(tmp_path):
    lightning = of_hugging_face("lightning", "its Trainer is not tried")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = bert()

        def training_step(self, data, index):
            loss = self.model(**data).loss
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), 1e-3)

    rows = [{k: v[i % 4] for k, v in batch("bert").items()} for i in range(16)]

    def fit(around=None):
        torch.manual_seed(0)
        module = Module()
        trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                                    default_root_dir=tmp_path, accumulate_grad_batches=2, gradient_clip_val=0.5)
        data = torch.utils.data.DataLoader(rows, batch_size=4)
        if around is None:
            trainer.fit(module, data)
            return module, None
        with around(module) as tape:
            trainer.fit(module, data)
        return module, tape

    plain, _ = fit()
    recorded, tape = fit(lambda m: tst.record(m, values="histogram"))
    assert tape.error is None, tape.error_text
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), recorded.state_dict().values(), strict=True))
    assert tape.step_number == 4 and not [f for f in tape.findings() if f.severity == "error"]
    assert "model.classifier.weight" in {p.name for p in tape.recorder.names.params}
    assert {"linear", "layer_norm", "embedding"} <= {tape.strings[n] for n in tape.graphs[tape.recorder.current].op_name}


@pytest.mark.parametrize("name", MODELS)
def test_breakpoints_in_transformers(name):
    import tapescope as ts
    from tapescope.debugger import settings

    model, data = MODELS[name](), batch(name)
    model.eval()
    model(**data).loss.backward()
    plain = gradients(model)
    model.zero_grad()
    places = []

    def look(dbg):
        places.append((dbg.at.module, dbg.at.name))
        dbg.step(3)
        dbg.step_back(2)
        dbg.next_module()

    ts.break_on(op="layer_norm")
    settings.on_pause = look
    model(**data).loss.backward()
    ts.breakpoints.clear()
    settings.on_pause = None
    assert same(plain, gradients(model)) and len(places) >= 4 and all(n == "NativeLayerNormBackward0" and m for m, n in places)
