/** A held pass with its controls; without one, a replay of the gradients that were recorded. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, Nothing, show, useRun, useSelection } from '../../chrome';
import { GraphModel } from '../../engines/graphmodel';
import type { Attachment, DebugState, Graph, Host, RunStore, Selection } from '../../store/types';
import { onTheme, readTheme, type Theme } from '../../theme';
import { Help, type Keys } from '../graph/help';
import type { Chosen } from '../graph/side';
import { chosenOf, selectionOf } from '../graph/view';
import { ABORT, COMMANDS, commandOf, EDIT, RUN_TO, type Command } from './commands';
import { orderOf, statesOf } from './order';
import { Panel } from './panel';
import { PassLegend, Picture } from './picture';
import { Replay } from './replay';

export const HOLD_CODE = 'dbg = ts.debug(loss)';
const KEYS: Keys = [...[...COMMANDS, ABORT, RUN_TO].map(c => [c.keys.join(' '), c.label.toLowerCase()] as const), ['Space', 'fit'], ['Arrows', 'go along the graph'], ['Enter', 'open or close a module'], ['Esc', 'clear the selection'], ['?', 'this help']];

interface Props { at: Attachment; host: Host; root: HTMLElement }

export function BackwardView({ at, host, root }: Props) {
  const store = useRun(at, ['graph', 'gradients', 'clocks', 'debug', 'status']);
  const debug = store?.debug ?? null, held = debug !== null && debug.state !== 'none';
  const graph = store && ((held && store.graphs.get(debug.graph)) || store.graph);
  if (!store || !graph || graph.ops.count === 0 || graph.nodes.count === 0) {
    return <Nothing link={at.link} recorded={store !== null} what={graph?.ops.count ? 'No grad_fn nodes in this graph: nothing requires a gradient' : 'No backward pass yet'} code={HOLD_CODE} />;
  }
  return <Shown key={`${store.id} ${graph.id}`} at={at} host={host} root={root} store={store} graph={graph} debug={held ? debug : null} />;
}

function Shown({ at, host, root, store, graph, debug }: Props & { store: RunStore; graph: Graph; debug: DebugState | null }) {
  const model = useMemo(() => new GraphModel(graph, index => store.text(index)), [graph]);
  model.update();
  const selection = useSelection(at), chosen = chosenOf(selection, model);
  const [theme, setTheme] = useState<Theme>(() => readTheme(root));
  const [help, setHelp] = useState(false);
  useEffect(() => onTheme(root, setTheme), []);
  const choose = (target: Chosen | null) => at.selection.set(selectionOf(target, model) as Partial<Selection>);
  const shared = { at, store, graph, model, chosen, theme, choose, help: () => setHelp(true) };
  const onKey = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT)$/.test((e.target as HTMLElement).tagName)) return;
    if (e.key === '?') setHelp(true); else if (e.key === 'Escape') choose(null); else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="ts-back ts-column" onKeyDown={onKey}>
      {debug ? <Held {...shared} host={host} debug={debug} /> : <Replay {...shared} />}
      {help && <Help title="The backward pass" keys={KEYS} onClose={() => setHelp(false)} />}
    </div>
  );
}

export interface Shared {
  at: Attachment; store: RunStore; graph: Graph; model: GraphModel; chosen: Chosen | null; theme: Theme;
  choose(target: Chosen | null): void; help(): void;
}

function Held({ at, store, graph, model, chosen, theme, choose, help, host, debug }: Shared & { host: Host; debug: DebugState }) {
  const { index, total, state } = debug, { version } = graph;
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [opens, setOpens] = useState(0);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const known = useRef<Int32Array | null>(null);
  const order = useMemo(() => orderOf(graph, total, index, state === 'held' || state === 'running' ? debug.node : -1, known.current), [graph, version, total, index, debug.node]);
  if (order && (debug.node >= 0 || known.current?.length !== total)) known.current = order;   // without a row several beginnings may explain the cursor
  const over = state === 'done' || state === 'aborted', trusted = debug.node < 0 || !order ? (known.current?.length === total ? known.current : order) : order;
  // A leaf may have no row of its own in what the kernel says: the order knows it.
  const node = debug.node >= 0 ? debug.node : trusted?.[index] ?? -1;
  const states = useMemo(() => statesOf(graph, trusted, state === 'done' ? total : index, over ? -1 : node), [graph, version, trusted, index, node, state]);

  const send = async (command: Command, args: object = {}) => {
    if (busy) return;
    setBusy(true);
    setSaid('');
    try {
      await at.command(command.verb, args);
      if (alive.current && (command.verb === 'debug.into' || command.verb === 'debug.run_to')) setOpens(n => n + 1);
    } catch (error) {
      if (alive.current) setSaid((error as Error).message);
    } finally {
      if (alive.current) setBusy(false);
    }
  };
  const target = chosen && runArgs(model, chosen);
  const press = (command: Command) => {
    if (command !== RUN_TO) void send(command);
    else if (target) void send(RUN_TO, target);
    else setSaid(chosen ? 'What is selected has no grad_fn, so the pass never comes there.' : 'Select an op, a parameter or a module first.');
  };
  const onKey = (e: KeyboardEvent) => {
    const command = /^(INPUT|SELECT)$/.test((e.target as HTMLElement).tagName) ? null : commandOf(e);
    if (!command) return;
    e.preventDefault();
    e.stopPropagation();
    press(command);
  };
  const may = store.status?.capabilities ?? {}, ended = state === 'aborted';
  const disabled = (c: Command) => busy || ended || (c.verb === 'debug.back' ? index === 0 || may.can_rewind === false : state === 'done');
  const button = (c: Command) => <Button key={c.verb} primary={c.verb === 'debug.step'} disabled={disabled(c)} title={`${c.what} (${c.keys.join(', ')})`} onPress={() => press(c)}>{c.verb === 'debug.step' ? null : <span aria-hidden="true">{c.sign}</span>}{c.label}</Button>;
  const where = over ? (state === 'done' ? 'done' : 'aborted') : state === 'running' ? 'running' : `before node ${index + 1} of ${total}`;
  return (
    <div class="ts-column ts-grow" onKeyDown={onKey}>
      <div class="ts-bar ts-back-bar" role="toolbar" aria-label="Backward pass">
        {COMMANDS.map(button)}
        <Button disabled={busy || over || !chosen} title={`${RUN_TO.what} (${RUN_TO.keys})`} onPress={() => press(RUN_TO)}>{RUN_TO.label}</Button>
        <Button quiet disabled={busy || over} title={`${ABORT.what} (${ABORT.keys})`} onPress={() => press(ABORT)}>Abort</Button>
        <span class="ts-grow" />
        <Button quiet icon label="Help" title="Keys (?)" onPress={help}>?</Button>
      </div>
      {said && <p class="ts-back-said" role="alert">{said}</p>}
      <div class="ts-back-body ts-grow">
        <Picture model={model} version={version} store={store} states={states} node={over ? -1 : node} chosen={chosen} open={opens} onChoose={choose} />
        <Panel debug={debug} host={host} theme={theme} onScale={may.can_edit_grad === false || over ? null : scale => void send(EDIT, { scale })} />
      </div>
      <div class="ts-status">
        <span class="ts-dot" data-tone={state === 'aborted' ? 'trouble' : 'backward'} />
        <span class="ts-back-where"><b>{where}</b></span>
        <span class="ts-back-track" aria-hidden="true"><i style={{ width: `${total ? (Math.min(total, state === 'done' ? total : index) / total) * 100 : 0}%` }} /></span>
        <span class="ts-clip">{debug.reason}</span><span class="ts-grow" /><PassLegend />
      </div>
      <span class="ts-hidden" role="status" aria-live="polite">{spokenOf(debug)}</span>
    </div>
  );
}

/** What `run_to` needs to find a selection; null where no gradient comes. */
export function runArgs(model: GraphModel, chosen: Chosen): { node: number } | { module: string } | null {
  if (chosen.kind === 'module') { const path = model.text(model.graph.modules.path[chosen.row]!); return path ? { module: path } : null; }
  const node = (chosen.kind === 'op' ? model.nodeOfOp : model.nodeOfSource)[chosen.row] ?? -1;
  return node >= 0 ? { node } : null;
}

export function spokenOf({ state, at, index, total, reason }: DebugState): string {
  if (!at || state === 'done' || state === 'aborted') return reason || `pass ${state}`;
  const norm = at.grad_in[0]?.norm, bad = at.grad_in.reduce((n, t) => n + t.nonfinite, 0);
  return [`${at.name}${at.module ? ` in ${at.module}` : ''}`, `node ${index + 1} of ${total}`, norm != null && `gradient norm ${show(norm, 3)}`, bad > 0 && `${bad} values are not finite`].filter(Boolean).join(', ');
}
