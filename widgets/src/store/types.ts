/** What views rely on. RunStore implements it; nothing here knows Jupyter or the DOM. */

export interface Host {
  send(message: object, buffers?: ArrayBuffer[]): void;
  listen(handler: (message: any, buffers: DataView[]) => void): () => void;
  /** Optional services of the page around us. */
  openSource?(source: { file: string; line: number; cell: string }): void;
  /** Turns the place in which the view stands to another recording of this kernel. */
  showRecording?(id: string): void;
  /** What the one who made the view asked of it: `{ key: 'fc1' }`, `{ theme: 'dark' }`. */
  options?: Record<string, unknown>;
  /** What is selected is told to the kernel, for `tape.selection`; a widget has a trait for it. */
  tellsSelection?: boolean;
  /** Calls back, with the reason, when this way to the kernel is cut. A host that returns with a new connection is a new Host. */
  whenCut?(handler: (reason: string) => void): () => void;
  /** The recording to show: an id, or "latest" (the default). */
  recording?: string;
}

/** A view owns the DOM under `el` until the returned function runs. */
export type View = (el: HTMLElement, host: Host) => () => void;

export type Kind =
  | 'graph' | 'clocks' | 'gradients' | 'scalars' | 'stats' | 'histograms'
  | 'tensor' | 'media' | 'projection' | 'findings' | 'debug' | 'status' | 'kernels';

/** Growable typed column: `data.subarray(0, length)` is what has arrived. */
export interface Column<T extends Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array> {
  data: T;
  length: number;
}

/** One structure of the program: columns named as in ARCHITECTURE.md, strings resolved through `RunStore.text`. */
export interface Graph {
  id: number;
  version: number;                 // grows with every appended row
  ops: { count: number; name: Uint32Array; module: Int32Array; site: Int32Array; flags: Uint8Array; shape: Uint32Array; dtype: Uint32Array; label: Uint32Array;
         inStart: Uint32Array; inCount: Uint16Array; ins: Int32Array };
  sources: { count: number; kind: Uint8Array; name: Uint32Array; shape: Uint32Array; dtype: Uint32Array; module: Int32Array };
  modules: { count: number; parent: Int32Array; path: Uint32Array; cls: Uint32Array; call: Int32Array; first: Int32Array; last: Int32Array };
  nodes: { count: number; name: Uint32Array; op: Int32Array; source: Int32Array; nextStart: Uint32Array; nextCount: Uint16Array; nexts: Int32Array };
  sites: { count: number; file: Uint32Array; line: Int32Array; text: Uint32Array; fn: Uint32Array; cell: Uint32Array };
  /** First and last step that ran this structure, and how many did. */
  steps?: [first: number, last: number, count: number];
}

/** Rows are appended until a cap, then older rows are thinned in place and `epoch` grows: whoever keeps a summary rebuilds it. */
export interface Thinned { epoch?: number }

export interface Series extends Thinned { tag: string; step: Column<Int32Array>; time: Column<Float64Array>; value: Column<Float64Array> }

export interface Stats extends Thinned {
  key: string;
  step: Column<Int32Array>;
  fields: Record<'mean' | 'std' | 'min' | 'max' | 'norm' | 'nan' | 'inf' | 'zero' | 'subnormal' | 'count', Column<Float32Array>>;
}

/** Sparse rows of the 2,048 value-ordered bins; row r is counts[start[r] .. start[r] + length[r]) beginning at bin first[r]. */
export interface Histograms extends Thinned {
  key: string;
  step: Column<Int32Array>;
  first: Column<Uint16Array>;
  size: Column<Uint16Array>;
  start: Column<Uint32Array>;
  counts: Column<Uint32Array>;
}

/** `part`: the shape of what `values` hold, the first rows of a tensor that was too large to come whole (each `every`-th row of its first axis). */
export interface TensorValue { key: string; step: number; shape: number[]; dtype: string; strided: number; part?: number[]; every?: number; stats: Record<string, number>; values: Float32Array; axes?: NamedAxis[]; /** Classes along the first axis, as far as they are told. */ labels?: number[] }
/** Words for the places along an axis; with `by`, a list for each place along that axis. */
export interface NamedAxis { axis: number; by?: number; words: string[] | string[][] }
/** Something logged beside numbers. `key` tells apart what shares a tag: "image/samples", "mesh/chair/faces". */
export interface Media { key: string; step: number; kind: string; tag: string; time: number; mime: string; meta: Record<string, any>; bytes: Uint8Array<ArrayBuffer> }
export interface Projection { key: string; step: number; n: number; method: string; explained: number[]; xyz: Float32Array; label: Int32Array | null; /** Rows that there are, and how far an embedding has come: iterations done, of how many. */ of?: number; progress?: [number, number]; /** Words for labels. */ names?: Record<string, string>; /** Rows of the tensor that the points are, where they are not all of them. */ row?: Int32Array;
  /** Classes that a model has answered, and numbers by name. */ predicted?: Int32Array; values?: Map<string, Float32Array>;
  /** Why there are no points. */ trouble?: string;
  /** Names of axes that a reader chose. */ axes?: string[];
  /** The number of the pictures of these rows; and of the entry that has them, the pictures: one after the other, `row` says of which. */ pictures?: number; image?: { height: number; width: number; channels: number; bytes: Uint8Array } }

/** What lies under the ops of a structure, where its producer sees that: a row a call, of an op (`node` -1) or of a node of its backward pass. */
export interface Kernels { step: number; op: Int32Array; node: Int32Array; name: Uint32Array; us: Float32Array }

export interface Finding {
  id: string; rule: string; severity: 'info' | 'warning' | 'error'; title: string; cause: string; fix: string;
  value: number | string | null; threshold: number | string | null; source: [string, number, string] | null;
  graph: number | null; node: number | null; op: number | null; step: number | null; parameter: string | null;
  /** What of it can be said in another language. */
  said?: Partial<Record<'title' | 'cause' | 'fix' | 'value' | 'threshold', Said>>;
}

export interface TensorSummary {
  name: string; shape: number[]; dtype: string; bytes: number; min: number | null; max: number | null; mean: number | null; norm: number | null;
  nonfinite: number; values: Float32Array | null;
  /** Names of its axes, where it has some. */
  axes?: (string | null)[] | null;
}

/** A sentence of the kernel's: its pattern, which is its English, and what stands in its places. */
export type Said = string | number | readonly Said[];

/** What one consumer sent to a node where gradients meet; `along` is its part of the sum, and those add up to 1. */
export interface Share { from: string; share: number; module?: string; row?: number; norm?: number; cosine?: number; along?: number }

/** Where and when a pass pauses, as `ts.breakpoints` keeps it. */
export interface Breakpoint {
  id: number; hits: number; words: string;
  op: string | null; module: string | null; parameter: string | null; line: [file: string, line: number] | null; shape: (number | null)[] | null; nth: number | null;
  when: 'nonfinite' | 'zero' | 'jump' | null; norm_above: number | null; norm_below: number | null; factor: number;
  step: number | [number, number] | null; forward: boolean; exception: boolean; once: boolean; enabled: boolean; ignore: number; text: string;
}

/** A branch beside the pass as it is; of each pair the first is without it. */
export interface Branch {
  changes: { node: number; index: number; name: string; what: string; how: string; by: number | null; words: string; said?: Said }[];
  parameters: { parameter: string; grad: [number, number]; cosine: number; difference: number; update: [number, number] | null }[];
  optimizer: string; loss: { now: number; before: number; after: number; measured: boolean } | null; words: string; note?: string; said?: { note: Said };
}

/** An analytic derivative beside central differences. */
export interface Check {
  ok: boolean; node?: number; name?: string; module: string; values?: string; words: string;
  inputs?: { name: string; shape: number[]; ok: boolean; error: number; analytic: number | null; numeric: number | null; where: number[] | null; kink: boolean; words: string; said?: Said }[];
}
export interface ModuleCheck { ok: boolean; module: string; nodes: Check[]; skipped: [name: string, why: string, said?: Said][]; words: string }

/** The first op that made a value that is not finite, or far too large. */
export interface Origin {
  found: boolean; direction: 'forward' | 'backward'; kind: 'nan' | 'inf' | 'blow-up' | null; node: number; index: number; name: string; label: string; module: string;
  source: [file: string, line: number, text: string, cell: string] | null; where: number[][]; count: number; size: number;
  operands: { name: string; shape: number[]; values: (number | string)[]; words: string }[]; formula: string; why: string; fix: string;
  path: { node: number; index: number; name: string; module: string }[]; before: { node: number; index: number; name: string; module: string; words: string } | null; words: string;
  said?: { words?: Said; why?: Said; fix?: Said; before?: Said };
}

/** What `backward()` holds before the node at the cursor, in bytes; `peak_at` is an index. */
export interface MemoryTotals { held: number; total: number; gradients: number; kept: number; peak: number; peak_at: number }
export interface Memory extends MemoryTotals {
  nodes: [row: number, bytes: number, freed: number][]; curve: number[]; modules: { module: string; bytes: number; saves: number; inputs: number }[]; words: string;
}

export interface DebugState {
  state: 'held' | 'running' | 'done' | 'aborted' | 'none';
  graph: number; index: number; total: number; node: number; reason: string;
  /** Inside a call that a cell runs. */
  live?: boolean;
  direction?: 'forward';
  note?: string; said?: { reason?: Said; note?: Said }; error?: string | null; edited?: number; nbytes?: number;
  /** Ids of the breakpoints that stopped it here. */
  hits?: number[];
  breakpoints?: Breakpoint[];
  /** Places from which the pass can go on again, as indices. */
  kept?: number[];
  branch?: Branch | null; origin?: Origin | null; memory?: MemoryTotals | null;
  /** Parameters that have been changed while the pass was held. */
  changed?: string[];
  at: {
    name: string; label: string; module: string; source: [file: string, line: number, text: string, cell: string] | null; formula: string;
    grad_in: TensorSummary[]; saved: TensorSummary[]; grad_out: TensorSummary[]; shares: Share[];
    hooks?: string[]; stack?: string[]; rule?: string; said?: { rule?: Said }; reaches?: string[]; held?: number; freed?: boolean; check?: Check | null;
    /** Microseconds: of the op, and of its derivative. */
    time?: { forward: number | null; backward: number | null };
  } | null;
  arrived: { parameter: string; norm: number }[];
}

export interface Status {
  step: number; state: 'recording' | 'stopped'; level: string; overhead: number;
  /** Rows and values that did not fit, all kinds together; `lost` says which. */
  dropped: number; lost?: Record<string, number>;
  step_rate: number;
  capabilities: Record<string, boolean>;
  /** What the recorder wants its reader to know, in sentences. */
  notes?: string[];
}

export interface RunStore {
  readonly id: string;
  name: string;
  status: Status | null;
  text(index: number): string;
  graphs: Map<number, Graph>;
  graph: Graph | null;                                 // the current structure
  /** Of the newest step, or of the one that is selected. */
  readonly clocks: { graph: number; step: number; opUs: Float32Array; nodeUs: Float32Array } | null;
  readonly gradients: { graph: number; step: number; node: Int32Array; norm: Float32Array; nonfinite: Uint8Array } | null;
  series: Map<string, Series>;
  stats: Map<string, Stats>;
  histograms: Map<string, Histograms>;
  tensors: Map<string, TensorValue[]>;
  media: Map<string, Media[]>;
  projections: Map<string, Projection[]>;
  kernels: Map<number, Kernels>;
  findings: Finding[];
  debug: DebugState | null;
  /** Runs `fn`, at most once per animation frame, after data of that kind arrived. */
  on(kind: Kind, fn: () => void): () => void;
}

/** Everything a page looks at: set one field, and every view hears of it. */
export interface Selection {
  op: number | null; node: number | null; module: number | null; source: number | null;
  key: string | null;                                  // tensor or histogram key: "weight/fc1.weight"
  step: number | null; site: number | null; point: number | null; finding: string | null;
  /** The steps that charts and timeline are zoomed to, and the rows that were enclosed in the projector. */
  steps: readonly [number, number] | null; points: readonly number[] | null;
}

export interface Link {
  state: 'connecting' | 'live' | 'dead' | 'replay';
  reason: string;                                      // why it is not live, in words for the reader
  kernel: string | null;
  recordings: { id: string; name: string; state: string; step: number; capabilities: Record<string, boolean>; began?: number; params?: Record<string, number | string | boolean | null> }[];
  on(fn: () => void): () => void;
}

/** What a view gets from the hub: `const run = hubOf().attach(host, 'latest')`. */
export interface Attachment {
  link: Link;
  /** The store that is followed; null until something was recorded. Changes when a newer recording starts. */
  store(): RunStore | null;
  onStore(fn: (store: RunStore | null) => void): () => void;
  /** Reference-counted: the first one sends `subscribe`, the last release sends `unsubscribe`. */
  need(kind: Kind, options?: { id?: string }): () => void;
  /** Asks once; what comes goes into the store like everything else. Resolves when the last page has arrived. */
  query(kind: Kind, options?: { id?: string; steps?: [number, number] }): Promise<void>;
  /** Asks for an act on this recording. Resolves with the kernel's result, rejects with its words. */
  command(verb: string, args?: object): Promise<any>;
  selection: { get(): Selection; set(change: Partial<Selection>): void; on(fn: (s: Selection, change: Partial<Selection>) => void): () => void };
  release(): void;
}
