/** All there is to know about what is selected. */

import type { ComponentChildren } from 'preact';
import { Button, bytes, show, t } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import { shapeText } from '../../engines/graphmodel_label';
import type { Breakpoint, Host, RunStore } from '../../store/types';
import { elements, isParameter, modulePath, placeOf, siteOf, sourceKind, sourceType } from './describe';
import { flagWords } from './look';
import type { Trace } from './trace';

export type Chosen = { kind: 'op' | 'module' | 'source'; row: number };

export interface SideProps {
  model: GraphModel; store: RunStore; chosen: Chosen; host: Host; trace: Trace | null; open: boolean | null; foldable: number;
  onGo(target: Chosen): void; onTrace(): void; onHops(by: number): void; onProbe(key: string): void; onToggle(): void; onFold(): void; onClose(): void; problem: string;
  /** Breakpoints that stand here, and what sets or removes one; null where no gradient comes. */
  stops: readonly Breakpoint[]; onBreak: (() => void) | null;
}

export function Side(props: SideProps) {
  const { model, chosen, onClose, problem } = props, { text, graph } = model;
  const title = chosen.kind === 'op' ? text(graph.ops.name[chosen.row]!) : chosen.kind === 'module' ? text(graph.modules.path[chosen.row]!) || text(graph.modules.cls[chosen.row]!) : text(graph.sources.name[chosen.row]!) || sourceKind(model, chosen.row);
  return (
    <section class="ts-side ts-scroll" aria-label={t('Properties of the selection')}>
      <header class="ts-side-head">
        <h2 class="ts-clip" title={title}>{title}</h2>
        <Button quiet icon label="Close properties" onPress={onClose}>✕</Button>
      </header>
      {chosen.kind === 'op' ? <Op {...props} op={chosen.row} /> : chosen.kind === 'module' ? <Module {...props} module={chosen.row} /> : <Source {...props} source={chosen.row} />}
      {problem && <p class="ts-side-problem" role="alert">{problem}</p>}
    </section>
  );
}

/** Sets a breakpoint of the backward pass, or takes it away. */
function Break({ stops, onBreak }: { stops: readonly Breakpoint[]; onBreak: (() => void) | null }) {
  if (!onBreak) return null;
  return <Button pressed={stops.length > 0} title={stops.length ? `${stops.map(b => b.words).join('\n')} (b)` : 'Pause the backward pass here (b)'} onPress={onBreak}><i class="ts-side-dot" data-on={stops.some(b => b.enabled) || undefined} />Break here</Button>;
}

function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return <dl class="ts-side-facts">{rows.filter(([, v]) => v !== '' && v !== null && v !== undefined && v !== false).map(([name, value]) => <div key={name}><dt>{t(name)}</dt><dd>{value}</dd></div>)}</dl>;
}

function Links({ title, items, onGo }: { title: string; items: { target: Chosen; name: string; note: string }[]; onGo(target: Chosen): void }) {
  if (!items.length) return null;
  return (
    <>
      <h3>{t(title)}{items.length > 1 ? ` ${items.length}` : ''}</h3>
      <ul class="ts-side-links">
        {items.slice(0, 40).map((item, i) => (
          <li key={i}><button type="button" onClick={() => onGo(item.target)}><span class="ts-clip">{item.name}</span><span class="ts-muted ts-mono">{item.note}</span></button></li>
        ))}
        {items.length > 40 && <li class="ts-faint">and {items.length - 40} more</li>}
      </ul>
    </>
  );
}

function SourceLine({ model, op, host }: { model: GraphModel; op: number; host: Host }) {
  const site = siteOf(model, op);
  if (!site) return null;
  return (
    <>
      <h3>{t('Line')}</h3>
      <button type="button" class="ts-side-line" disabled={!host.openSource} title={host.openSource ? 'Open this line' : site.file} onClick={() => host.openSource?.({ file: site.file, line: site.line, cell: site.cell })}>
        <span class="ts-muted">{placeOf(site)}{site.fn && site.fn !== '<module>' ? `  in ${site.fn}` : ''}</span>
        <code>{site.text}</code>
      </button>
    </>
  );
}

/** What an op, or its backward pass, has called underneath. */
function Beneath({ title, store, graph, of }: { title: string; store: RunStore; graph: number; of(op: number, node: number): boolean }) {
  const kernels = store.kernels.get(graph);
  const rows = kernels ? [...kernels.op.keys()].filter(i => of(kernels.op[i]!, kernels.node[i]!)) : [];
  if (!kernels || !rows.length) return null;
  return (
    <>
      <h3>{t(title)}{rows.length > 1 ? ` ${rows.length}` : ''}</h3>
      <ol class="ts-side-kernels">
        {rows.slice(0, 40).map(i => <li key={i}><span class="ts-clip ts-mono" title={store.text(kernels.name[i]!)}>{store.text(kernels.name[i]!)}</span><span class="ts-muted">{show(kernels.us[i]!, 3)} µs</span></li>)}
        {rows.length > 40 && <li class="ts-faint">{t('and {0} more', rows.length - 40)}</li>}
      </ol>
    </>
  );
}

const opLink = (model: GraphModel, op: number) => ({ target: { kind: 'op', row: op } as Chosen, name: [model.text(model.graph.ops.name[op]!), modulePath(model, model.moduleOf(op)).split(' ')[0]].filter(Boolean).join('  '), note: shapeText(model.text(model.graph.ops.shape[op]!)) });
const sourceLink = (model: GraphModel, source: number) => ({ target: { kind: 'source', row: source } as Chosen, name: model.text(model.graph.sources.name[source]!) || sourceKind(model, source), note: shapeText(model.text(model.graph.sources.shape[source]!)) });

function Op({ model, store, host, op, trace, stops, onBreak, onGo, onTrace, onHops, onProbe }: SideProps & { op: number }) {
  const { graph, text } = model, { ops, nodes } = graph, node = model.nodeOfOp[op]!, shape = text(ops.shape[op]!), module = model.moduleOf(op);
  const inputs = [...model.inputs(op)], users = [...new Set(model.consumers(op))];
  const us = store.clocks?.graph === graph.id ? store.clocks.opUs[op] : NaN, backUs = node >= 0 && store.clocks?.graph === graph.id ? store.clocks.nodeUs[node] : NaN;
  const at = node >= 0 && store.gradients?.graph === graph.id ? store.gradients.node.indexOf(node) : -1;
  const next = node >= 0 ? [...nodes.nexts.subarray(nodes.nextStart[node]!, nodes.nextStart[node]! + nodes.nextCount[node]!)] : [];
  return (
    <>
      <div class="ts-side-actions">
        <Button primary onPress={() => onProbe(`output/${op}`)} title="Copy the values of this tensor from its next occurrence on (l)">Look at this tensor</Button>
        <Button pressed={trace !== null} onPress={onTrace} title="Mark what it was made of and what it influences (t)">Trace</Button>
        <Break stops={stops} onBreak={onBreak} />
      </div>
      {trace && <p class="ts-side-trace"><span data-way="up">▲ {trace.upCount} upstream</span><span data-way="down">▼ {trace.downCount} downstream</span>
        <span class="ts-side-hops"><Button quiet icon label={t('One hop less')} title={`${t('One hop less')} ([)`} onPress={() => onHops(-1)}>−</Button>{trace.hops === null ? t('all hops') : trace.hops === 1 ? t('1 hop') : t('{0} hops', trace.hops)}<Button quiet icon label={t('One hop more')} title={`${t('One hop more')} (])`} disabled={trace.hops === null} onPress={() => onHops(1)}>+</Button></span></p>}
      <Facts rows={[
        ['Label', text(ops.label[op]!)], ['Output', <span class="ts-mono">{shapeText(shape)} {text(ops.dtype[op]!)}</span>], ['Size', bytes(elements(shape) * itemSize(text(ops.dtype[op]!)))],
        ['Flags', flagWords(ops.flags[op]!)], ['Time', Number.isFinite(us) ? `${show(us, 3)} µs` : ''], ['Row', String(op)],
      ]} />
      {module >= 0 && <Links title="Module" items={[{ target: { kind: 'module', row: module }, name: modulePath(model, module), note: `${model.opCount(module)} ops` }]} onGo={onGo} />}
      <Links title="Inputs" items={inputs.map(from => (from >= 0 ? opLink(model, from) : sourceLink(model, -from - 1)))} onGo={onGo} />
      <Links title="Used by" items={users.map(user => opLink(model, user))} onGo={onGo} />
      <SourceLine model={model} op={op} host={host} />
      <Beneath title="Kernels" store={store} graph={graph.id} of={(row, n) => row === op && n < 0} />
      <h3>grad_fn</h3>
      {node < 0 ? <p class="ts-muted">{ops.flags[op]! & 4 ? 'None: it ran without grad.' : 'None: no input requires a gradient.'}</p> : (
        <>
          <Facts rows={[['Name', <span class="ts-mono">{text(nodes.name[node]!)}</span>], ['Gradient', at >= 0 ? (store.gradients!.nonfinite[at] ? <b class="ts-side-bad">✕ nan or inf</b> : `norm ${show(store.gradients!.norm[at]!)}`) : ''], ['Time', Number.isFinite(backUs) ? `${show(backUs, 3)} µs` : '']]} />
          <ul class="ts-side-links">
            {next.map((n, i) => (n < 0
              ? <li key={i} class="ts-side-none">next {i}: none</li>
              : <li key={i}><button type="button" onClick={() => onGo(nodes.op[n]! >= 0 ? { kind: 'op', row: nodes.op[n]! } : { kind: 'source', row: nodes.source[n]! })}><span class="ts-clip">{text(nodes.name[n]!)}</span><span class="ts-muted">{nodes.op[n]! < 0 && nodes.source[n]! >= 0 ? text(graph.sources.name[nodes.source[n]!]!) : `next ${i}`}</span></button></li>))}
          </ul>
          <Beneath title="Kernels of its backward" store={store} graph={graph.id} of={(row, n) => row === op && n >= 0} />
        </>
      )}
    </>
  );
}

function Module({ model, store, host, module, open, foldable, stops, onBreak, onGo, onProbe, onToggle, onFold }: SideProps & { module: number }) {
  const { graph, text } = model, path = text(graph.modules.path[module]!), parameters = model.parametersIn(module);
  const count = parameters.reduce((sum, s) => sum + elements(text(graph.sources.shape[s]!)), 0), [first, last] = [model.first(module), model.last(module)];
  let us = NaN;
  if (store.clocks?.graph === graph.id) for (let op = first; op <= last; op++) { const v = store.clocks.opUs[op] ?? NaN; if (v >= 0) us = (us || 0) + v; }
  return (
    <>
      <div class="ts-side-actions">
        {path && <Button primary onPress={() => onProbe(`activation/${path}`)} title="Copy the values of its output from its next call on (l)">Look at its output</Button>}
        {open !== null && <Button onPress={onToggle} title="Enter, or double click">{open ? 'Close' : 'Open'}</Button>}
        {foldable > 1 && <Button onPress={onFold} title="Draw equal blocks as one">Fold ×{foldable}</Button>}
        <Break stops={stops} onBreak={onBreak} />
      </div>
      <Facts rows={[
        ['Class', <span class="ts-mono">{text(graph.modules.cls[module]!)}</span>], ['Path', path && <span class="ts-mono">{path}</span>], ['Call', graph.modules.call[module]! > 0 ? `number ${graph.modules.call[module]! + 1}` : ''],
        ['Ops', String(model.opCount(module))], ['Parameters', count ? `${count.toLocaleString('en')} in ${parameters.length}` : 'none'], ['Time', Number.isFinite(us) ? `${show(us, 3)} µs` : ''],
      ]} />
      {model.parent(module) >= 0 && <Links title="Inside" items={[{ target: { kind: 'module', row: model.parent(module) }, name: modulePath(model, model.parent(module)), note: '' }]} onGo={onGo} />}
      <Links title="Parameters" items={parameters.map(s => sourceLink(model, s))} onGo={onGo} />
      <SourceLine model={model} op={first} host={host} />
    </>
  );
}

function Source({ model, source, stops, onBreak, onGo }: SideProps & { source: number }) {
  const { graph, text } = model, shape = text(graph.sources.shape[source]!), dtype = text(graph.sources.dtype[source]!), node = model.nodeOfSource[source] ?? -1, users = model.usersOf(source);
  return (
    <>
      {onBreak && <div class="ts-side-actions"><Break stops={stops} onBreak={onBreak} /></div>}
      <Facts rows={[
        ['Kind', sourceKind(model, source)], ['Value', <span class="ts-mono">{sourceType(model, source)}</span>], ['Elements', elements(shape).toLocaleString('en')], ['Size', bytes(elements(shape) * itemSize(dtype))],
        ['grad_fn', node >= 0 ? text(graph.nodes.name[node]!) : isParameter(model, source) ? 'none: it gets no gradient' : ''],
      ]} />
      <Links title="Used by" items={users.map(op => opLink(model, op))} onGo={onGo} />
    </>
  );
}

const itemSize = (dtype: string) => { const bits = /(\d+)$/.exec(dtype); return bits ? Math.max(1, Number(bits[1]) / 8) : 1; };
