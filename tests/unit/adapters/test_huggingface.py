"""Tiny random transformers, made from their configs: on the tape, stepped, and trained by a Trainer with TapescopeCallback. No network."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no model")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: its models and Trainer are not tried")

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
        owned = [tape.recorder.row_of(seq) for _, seq in nodes]
        assert owned.count(None) <= 0.01 * len(nodes)
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
    pytest.importorskip("accelerate", reason="accelerate is not installed: transformers.Trainer needs it")
    from tapescope.adapters.huggingface import TapescopeCallback

    torch.manual_seed(0)
    rows = [{"input_ids": torch.randint(2, 60, (8,)), "labels": i % 2} for i in range(16)]
    args = transformers.TrainingArguments(output_dir=str(tmp_path), max_steps=4, per_device_train_batch_size=4, logging_steps=2, report_to=[], use_cpu=True,
                                          save_strategy="no", gradient_accumulation_steps=accumulation, disable_tqdm=True)
    callback = TapescopeCallback(values="stats")
    trainer = transformers.Trainer(model=bert(), args=args, train_dataset=rows, callbacks=[callback])
    trainer.train()
    tape = callback.tape
    assert tape.error is None, tape.error_text
    assert tape.state == "stopped" and tape.step_number == 4
    tags = {tape.strings[int(t)] for f in tape.frames("scalars", max_bytes=1 << 30)[0] for t in f.columns["tag"]}
    assert {"loss", "lr", "grad_norm", "train/loss", "train/learning_rate", "grad_norm/classifier.weight"} <= tags
    labels = {tape.strings[n] for n in tape.graphs[tape.recorder.current].op_name}
    assert {"linear", "layer_norm", "embedding"} <= labels and not {"stack", "pin_memory"} & labels
