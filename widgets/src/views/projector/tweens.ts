/** Motion by name: a second one of the same name takes the place of the first. */

/** Slow, fast, slow (cubic). */
export const ease = (t: number): number => (t < 0.5 ? 4 * t * t * t : 1 - (-2 * t + 2) ** 3 / 2);

interface Tween {
  name: string;
  begin: number;
  length: number;
  step(t: number): void;
}

export class Tweens {
  #all: Tween[] = [];

  get running(): boolean {
    return this.#all.length > 0;
  }

  /** Calls `step` with 0 now and with the share of `length` (ms) that has passed, up to 1, on every `advance`. */
  start(name: string, length: number, step: (t: number) => void): void {
    this.stop(name);
    this.#all.push({ name, begin: performance.now(), length, step });
    step(0);
  }

  stop(name?: string): void {
    this.#all = name === undefined ? [] : this.#all.filter((tween) => tween.name !== name);
  }

  advance(now: number): void {
    for (const tween of [...this.#all]) {
      const t = Math.min(1, (now - tween.begin) / tween.length);
      tween.step(t);
      if (t >= 1) this.#all.splice(this.#all.indexOf(tween), 1);
    }
  }
}
