"""What the programs learn from: real digits, real words, a real club, and small worlds that need no file."""

from __future__ import annotations

import functools
import math
import random
from typing import Any

import numpy as np

# The opening of "Alice's Adventures in Wonderland" (1865).
ALICE = """alice was beginning to get very tired of sitting by her sister on the bank , and of having nothing to do : once or twice she had peeped into the book
her sister was reading , but it had no pictures or conversations in it , and what is the use of a book , thought alice , without pictures or conversations ?
so she was considering in her own mind , as well as she could , for the hot day made her feel very sleepy and stupid , whether the pleasure of making a
daisy chain would be worth the trouble of getting up and picking the daisies , when suddenly a white rabbit with pink eyes ran close by her .
there was nothing so very remarkable in that , nor did alice think it so very much out of the way to hear the rabbit say to itself , oh dear ! oh dear !
i shall be late ! but when the rabbit actually took a watch out of its waistcoat pocket , and looked at it , and then hurried on , alice started to her feet ,
for it flashed across her mind that she had never before seen a rabbit with either a waistcoat pocket , or a watch to take out of it , and burning with
curiosity , she ran across the field after it , and fortunately was just in time to see it pop down a large rabbit hole under the hedge ."""

# Zachary's karate club (1977): who met whom outside the club, and whom each followed when it split.
KARATE = """0-1 0-2 0-3 0-4 0-5 0-6 0-7 0-8 0-10 0-11 0-12 0-13 0-17 0-19 0-21 0-31 1-2 1-3 1-7 1-13 1-17 1-19 1-21 1-30 2-3 2-7 2-8 2-9 2-13 2-27 2-28 2-32
3-7 3-12 3-13 4-6 4-10 5-6 5-10 5-16 6-16 8-30 8-32 8-33 9-33 13-33 14-32 14-33 15-32 15-33 18-32 18-33 19-33 20-32 20-33 22-32 22-33 23-25 23-27 23-29 23-32
23-33 24-25 24-27 24-31 25-31 26-29 26-33 27-33 28-31 28-33 29-32 29-33 30-32 30-33 31-32 31-33 32-33"""
FOLLOWED = "0000000001000011001010111111111111"


@functools.cache
def digits() -> tuple[Any, Any]:
    """1,797 handwritten digits of 8 x 8, in 0..1, in an order that mixes the writers; and what they show."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    return (found.images[order] / 16).astype(np.float32)[:, None], found.target[order].astype(np.int64)


def words() -> tuple[list[str], Any]:
    """The vocabulary of the text, and the text as numbers."""
    text = ALICE.split()
    vocabulary = sorted(set(text))
    number = {w: i for i, w in enumerate(vocabulary)}
    return vocabulary, np.array([number[w] for w in text])


def club() -> tuple[Any, Any]:
    """The normalised adjacency with self loops of the karate club, and the two halves."""
    a = np.eye(34, dtype=np.float32)
    for edge in KARATE.split():
        i, j = map(int, edge.split("-"))
        a[i, j] = a[j, i] = 1
    d = 1 / np.sqrt(a.sum(1))
    return a * d[:, None] * d, np.array([int(c) for c in FOLLOWED])


class CartPole:
    """A pole on a cart: push left or right, and keep it up (Barto, Sutton and Anderson, 1983)."""

    def __init__(self, seed: int, limit: int = 200) -> None:
        self.random, self.limit = random.Random(seed), limit

    def reset(self) -> list[float]:
        self.state, self.steps = [self.random.uniform(-0.05, 0.05) for _ in range(4)], 0
        return self.state

    def step(self, action: int) -> tuple[list[float], float, bool]:
        x, v, angle, turn = self.state
        force = 10.0 if action == 1 else -10.0
        push = (force + 0.05 * turn**2 * math.sin(angle)) / 1.1
        swing = (9.8 * math.sin(angle) - math.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1))
        pull = push - 0.05 * swing * math.cos(angle) / 1.1
        self.state = [x + 0.02 * v, v + 0.02 * pull, angle + 0.02 * turn, turn + 0.02 * swing]
        self.steps += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 12 * math.pi / 180
        return self.state, 1.0, fallen or self.steps >= self.limit
