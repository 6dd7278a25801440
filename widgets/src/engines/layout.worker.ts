/** Layouts off the main thread: a plan comes in, placed levels go out. */

import { LayoutCache, layoutPlan, type Task } from './layout_plan';

const cache = new LayoutCache();
const port = globalThis as unknown as { onmessage: (event: MessageEvent<{ id: number; tasks: Task[] }>) => void; postMessage(message: unknown): void };

port.onmessage = ({ data: { id, tasks } }) => {
  try {
    port.postMessage({ id, placed: layoutPlan(tasks, cache) });
  } catch (error) {
    port.postMessage({ id, error: String((error as Error)?.message ?? error) });
  }
};
