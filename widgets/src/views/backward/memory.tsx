/** Who holds the memory: how it falls as the pass goes on, where it is at its peak, and what a checkpoint would save. */

import { useEffect, useState } from 'preact/hooks';
import { bytes, t } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import type { Attachment, DebugState, Memory } from '../../store/types';
import { useAsk } from './ask';

const MOST = 12;

/** `onMemory` hands what was told to the picture, which writes it on the nodes. */
export function MemoryTab({ at, debug, model, onMemory, onShow }: { at: Attachment; debug: DebugState; model: GraphModel; onMemory(memory: Memory | null): void; onShow(node: number): void }) {
  const { ask, problem } = useAsk(at), [memory, setMemory] = useState<Memory | null>(null);
  useEffect(() => {
    let gone = false;
    void ask('debug.memory').then((found: Memory | null) => { if (!gone && found) { setMemory(found); onMemory(found); } });
    return () => { gone = true; };
  }, [debug.index, debug.graph, debug.state]);
  useEffect(() => () => onMemory(null), []);
  const totals = memory ?? debug.memory;
  if (problem) return <p class="ts-muted">{problem}</p>;
  if (!totals) return <p class="ts-muted">…</p>;
  const nodes = memory ? [...memory.nodes].filter(n => n[1] > 0).sort((a, b) => Number(a[2]) - Number(b[2]) || b[1] - a[1]) : [], most = nodes[0]?.[1] ?? 1, worth = memory?.modules.filter(m => m.saves > 0).sort((a, b) => b.saves - a.saves) ?? [];
  return (
    <>
      <div class="ts-memory-facts"><span>{t('held')}<b>{bytes(totals.held)}</b></span><span>{t('of')}<b>{bytes(totals.total)}</b></span><span>{t('gradients')}<b>{bytes(totals.gradients)}</b></span><span>{t('to go back')}<b>{bytes(totals.kept)}</b></span></div>
      {memory && <Curve memory={memory} index={debug.index} />}
      <p class="ts-muted">{t('Peak {0}, before node {1}.', bytes(totals.peak), totals.peak_at + 1)}</p>
      {nodes.length > 0 && (
        <><h3>{t('Held by')}</h3>
          <ul class="ts-held">{nodes.slice(0, MOST).map(([row, n, freed]) => (
            <li key={row} data-freed={freed || undefined}><button type="button" class="ts-leaf-name ts-mono ts-clip" onClick={() => onShow(row)}>{nameOf(model, row)}</button><i aria-hidden="true"><b style={{ width: `${Math.max(1, (n / most) * 100)}%` }} /></i><span class="ts-mono">{freed ? t('freed') : bytes(n)}</span></li>))}
            {nodes.length > MOST && <li class="ts-faint">{t('and {0} more', nodes.length - MOST)}</li>}
          </ul></>
      )}
      {worth.length > 0 && (
        <><h3>{t('A checkpoint would save')}</h3>
          <ul class="ts-held">{worth.slice(0, MOST).map(m => <li key={m.module}><span class="ts-mono ts-clip" title={t('holds {0}, its inputs {1}; it runs again during backward', bytes(m.bytes), bytes(m.inputs))}>{m.module}</span><i aria-hidden="true"><b style={{ width: `${Math.max(1, (m.saves / worth[0]!.saves) * 100)}%` }} /></i><span class="ts-mono">{bytes(m.saves)}</span></li>)}</ul></>
      )}
    </>
  );
}

function nameOf(model: GraphModel, row: number): string {
  const { nodes, modules } = model.graph, op = row >= 0 && row < nodes.count ? nodes.op[row]! : -1, m = op >= 0 ? model.moduleOf(op) : -1;
  return row >= 0 && row < nodes.count ? `${model.text(nodes.name[row]!).replace(/Backward0$/, '')}${m >= 0 ? `  ${model.text(modules.path[m]!)}` : ''}` : t('node');
}

function Curve({ memory, index }: { memory: Memory; index: number }) {
  const { curve, peak } = memory, n = Math.max(1, curve.length - 1), y = (v: number) => 46 - (v / Math.max(1, peak)) * 42, stride = Math.max(1, Math.floor(curve.length / 300));
  const points = curve.filter((_, i) => i % stride === 0 || i === curve.length - 1 || i === memory.peak_at).map((v, i, all) => [all.length > 1 ? (i / (all.length - 1)) * n : 0, y(v)] as const);
  return (
    <svg class="ts-memory-curve" viewBox={`0 0 ${n} 48`} preserveAspectRatio="none" role="img" aria-label={t('Memory over the pass: peak {0} before node {1}, {2} here', bytes(peak), memory.peak_at + 1, bytes(curve[Math.min(index, curve.length - 1)] ?? 0))}>
      <path class="ts-memory-area" d={`M0 48${points.map(([x, v]) => `L${x.toFixed(2)} ${v.toFixed(1)}`).join('')}L${n} 48z`} />
      <path class="ts-memory-now" d={`M${Math.min(index, n)} 0V48`} /><path class="ts-memory-peak" d={`M${memory.peak_at} 2V48`} />
    </svg>
  );
}
