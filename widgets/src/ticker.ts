/** One animation frame for the whole page: work asked for many times runs once. */

export interface Ticker {
  /** Runs `fn` in the next frame; asking again before then changes nothing. */
  request(fn: () => void): void;
  /** Runs `fn` once, after everything of the next frame has been drawn. */
  after(fn: () => void): void;
  /** Runs `fn` now and reports, instead of passing on, what it throws: one broken view must not stop the others. */
  guard(fn: () => void): void;
}

/** A hidden page gets no animation frames. A slow clock takes over, so that it costs little and loses nothing. */
const HIDDEN_MS = 1000;

export class PageTicker implements Ticker {
  private readonly due = new Set<() => void>();
  private readonly drawn = new Set<() => void>();
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  request(fn: () => void): void {
    this.due.add(fn);
    this.wake();
  }

  after(fn: () => void): void {
    this.drawn.add(fn);
    this.wake();
  }

  guard(fn: () => void): void {
    try { fn(); } catch (error) { console.error('tapescope:', error); }
  }

  private wake(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(this.run, HIDDEN_MS);
    if (typeof requestAnimationFrame === 'function') this.frame = requestAnimationFrame(this.run);
    else { clearTimeout(this.timer); this.timer = setTimeout(this.run, 16); }
  }

  private readonly run = () => {
    clearTimeout(this.timer);
    if (typeof cancelAnimationFrame === 'function') cancelAnimationFrame(this.frame);
    this.timer = undefined;
    // Listeners ask for other listeners (store -> view -> painter): those still run in this frame. Who asks for itself waits for the next one.
    const ran = new Set<() => void>();
    for (let fresh = [...this.due]; fresh.length; fresh = [...this.due].filter(fn => !ran.has(fn))) {
      for (const fn of fresh) {
        this.due.delete(fn);
        ran.add(fn);
        this.guard(fn);
      }
    }
    const after = [...this.drawn];
    this.drawn.clear();
    for (const fn of after) this.guard(fn);
    if (this.due.size || this.drawn.size) this.wake();
  };
}

