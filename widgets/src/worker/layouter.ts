/** Where layouts run: small ones at once, large ones in the page's one worker, and on the main thread where workers are forbidden. */

import type { Task } from '../engines/layout_plan';
import type { Placed } from '../engines/layout';
import { layoutCode } from '../generated/layout';

const { LayoutCache, layoutPlan } = layoutCode();
/** A plan comes in, placed levels go out. */
const SOURCE = `const { LayoutCache, layoutPlan } = (${layoutCode})(), cache = new LayoutCache();
onmessage = ({ data: { id, tasks } }) => {
  try { postMessage({ id, placed: layoutPlan(tasks, cache) }); } catch (error) { postMessage({ id, error: String(error?.message ?? error) }); }
};`;

/** Up to this many nodes and edges a layout takes less time than the way to the worker and back. */
const AT_ONCE = 1500;
/** A strict content policy may swallow a blob: worker without an error. */
const PATIENCE_MS = 2500;

interface Waiting { resolve(placed: Placed[]): void; reject(error: Error): void; tasks: readonly Task[]; timer: ReturnType<typeof setTimeout> }

class Layouter {
  private worker: Worker | null | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private readonly cache = new LayoutCache();
  private number = 0;

  /** The placed levels: at once if that takes no time, else later. */
  layout(tasks: readonly Task[]): Placed[] | Promise<Placed[]> {
    const size = tasks.reduce((sum, { level }) => sum + level.keys.length + level.src.length, 0);
    const worker = size > AT_ONCE ? this.start() : null;
    if (!worker) return layoutPlan(tasks, this.cache);
    return new Promise((resolve, reject) => {
      const id = ++this.number;
      const timer = setTimeout(() => this.giveUp(), PATIENCE_MS + size / 10);
      this.waiting.set(id, { resolve, reject, tasks, timer });
      worker.postMessage({ id, tasks });
    });
  }

  private start(): Worker | null {
    if (this.worker !== undefined) return this.worker;
    this.worker = null;
    try {
      const address = URL.createObjectURL(new Blob([SOURCE], { type: 'text/javascript' }));
      const worker = new Worker(address);
      worker.onmessage = ({ data }: MessageEvent<{ id: number; placed?: Placed[]; error?: string }>) => {
        URL.revokeObjectURL(address);
        const waiting = this.waiting.get(data.id);
        if (!waiting) return;
        this.waiting.delete(data.id);
        clearTimeout(waiting.timer);
        if (data.placed) waiting.resolve(data.placed);
        else waiting.reject(new Error(data.error));
      };
      worker.onerror = event => { event.preventDefault(); this.giveUp(); };
      this.worker = worker;
    } catch { /* no workers here: the main thread does it */ }
    return this.worker;
  }

  private giveUp(): void {
    this.worker?.terminate();
    this.worker = null;
    for (const { resolve, reject, tasks, timer } of this.waiting.values()) {
      clearTimeout(timer);
      try { resolve(layoutPlan(tasks, this.cache)); } catch (error) { reject(error as Error); }
    }
    this.waiting.clear();
  }
}

let shared: Layouter | undefined;

export function layouter(): Pick<Layouter, 'layout'> {
  return (shared ??= new Layouter());
}
