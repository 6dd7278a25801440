/** What if this gradient, or this saved value, were another one? A branch beside the pass, compared with it, and kept only on request. */

import { useState } from 'preact/hooks';
import { Button, say, Select, show, t } from '../../chrome';
import type { Attachment, Branch, DebugState } from '../../store/types';
import { useAsk } from './ask';
import type { Summary } from './summary';

const WAYS = [{ value: 'zero', label: 'Zero' }, { value: 'scale', label: 'Scale by' }, { value: 'clip', label: 'Clip to norm' }, { value: 'noise', label: 'Add noise, deviation' }, { value: 'replace', label: 'Replace by' }] as const;
type Way = (typeof WAYS)[number]['value'];
const FIRST: Record<Way, string> = { zero: '', scale: '0.5', clip: '1', noise: '0.01', replace: '' };
/** Values that can be typed. */
const FEW = 64;

export function WhatIfTab({ at, debug, onShow }: { at: Attachment; debug: DebugState; onShow(node: number): void }) {
  const stop = debug.at!, saved = (stop.saved as Summary[]).filter(one => one.text === undefined && /^(float|complex|bfloat)/.test(one.dtype));
  const targets = [...stop.grad_in.map((one, i) => ({ value: `in ${one.name.match(/\d+/)?.[0] ?? i}`, label: stop.grad_in.length > 1 ? t('gradient in {0}', i) : t('the gradient in'), tensor: one as Summary })), ...saved.map(one => ({ value: `saved ${one.name}`, label: t('{0}, saved', one.name), tensor: one }))];
  const [target, setTarget] = useState(targets[0]?.value ?? ''), [way, setWay] = useState<Way>('scale'), [by, setBy] = useState(FIRST.scale), [wrong, setWrong] = useState('');
  const { ask, busy, problem } = useAsk(at), { branch } = debug, chosen = targets.find(one => one.value === target) ?? targets[0];
  const turn = (next: Way) => { setWrong(''); setWay(next); setBy(next === 'replace' ? listOf(chosen?.tensor) : FIRST[next]); };
  const aim = (next: string) => { setTarget(next); if (way === 'replace') setBy(listOf(targets.find(one => one.value === next)?.tensor)); };
  const submit = (e: Event) => {
    e.preventDefault();
    if (!chosen) return;
    const what = chosen.value.startsWith('saved ') ? { saved: chosen.value.slice(6) } : stop.grad_in.length > 1 ? { input: Number(chosen.value.slice(3)) } : {}, args = argsOf(way, by);
    if (typeof args === 'string') setWrong(args); else { setWrong(''); void ask('debug.what_if', { change: way, ...what, ...args }); }
  };
  return (
    <>
      {!chosen ? <p class="ts-faint">{t('Nothing comes in here, and nothing is saved.')}</p> : (
        <form class="ts-whatif" onSubmit={submit} aria-label={t('What if')} onKeyDown={e => { if (e.key !== 'Escape') e.stopPropagation(); }}>
          <Select label="What" hideLabel value={chosen.value} options={targets} onChange={aim} />
          <div class="ts-row"><Select<Way> label="How" hideLabel value={way} options={WAYS.map(w => ({ ...w, label: t(w.label) }))} onChange={turn} />{way !== 'zero' && way !== 'replace' && <input class="ts-input" aria-label={t('By')} value={by} size={7} onInput={e => setBy((e.currentTarget as HTMLInputElement).value)} />}</div>
          {way === 'replace' && <textarea class="ts-input" aria-label={t('Values, as a nested list')} rows={3} value={by} placeholder="[[0, 1], [2, 3]]" onInput={e => setBy((e.currentTarget as HTMLTextAreaElement).value)} />}
          <button type="submit" class="ts-button" data-primary disabled={busy}>{branch ? t('Add to the branch') : t('Try it')}</button>
        </form>
      )}
      {(wrong || problem) && <p class="ts-breaks-problem" role="alert">{wrong || problem}</p>}
      {branch ? <Outcome branch={branch} busy={busy} onDrop={change => void ask('debug.drop', change === null ? {} : { change })} onKeep={() => void ask('debug.keep')} onShow={onShow} />
        : <p class="ts-muted">{t('The pass stays as it is: the change runs on a branch, and both are compared. Nothing of .grad changes until you keep it.')}</p>}
      {Boolean(debug.edited) && <div class="ts-row ts-gap"><span class="ts-muted">{t('Gradients of the pass itself edited: {0}', debug.edited!)}</span><Button quiet onPress={() => void ask('debug.reset')} title="Stand before the first node again, as if nothing had been edited">Forget</Button></div>}
    </>
  );
}

export function argsOf(way: Way, by: string): { by?: number; value?: unknown } | string {
  if (way === 'zero') return {};
  if (way === 'replace') {
    try { return { value: JSON.parse(by) }; } catch { return t('The values are a nested list of numbers, such as [[0, 1], [2, 3]].'); }
  }
  const number = Number(by);
  if (by.trim() === '' || !Number.isFinite(number) || (way !== 'scale' && number < 0)) return way === 'scale' ? t('The factor is a number.') : t('A number, 0 or more.');
  return { by: number };
}

/** The values as they are, to begin with. */
function listOf(tensor: Summary | undefined): string {
  if (!tensor?.values || tensor.values.length > FEW || tensor.shape.reduce((a, b) => a * b, 1) !== tensor.values.length) return '';
  const at = (d: number, from: number, size: number): unknown => (d === tensor.shape.length ? Number(tensor.values![from]!.toPrecision(6)) : Array.from({ length: tensor.shape[d]! }, (_, i) => at(d + 1, from + (i * size) / tensor.shape[d]!, size / tensor.shape[d]!)));
  return JSON.stringify(at(0, 0, tensor.values.length)).replaceAll(',', ', ');
}

function Outcome({ branch, busy, onDrop, onKeep, onShow }: { branch: Branch; busy: boolean; onDrop(change: number | null): void; onKeep(): void; onShow(node: number): void }) {
  const { loss, parameters } = branch, moved = parameters.filter(p => p.difference !== 0), most = moved.reduce((m, p) => Math.max(m, ...p.grad.filter(Number.isFinite)), 0);
  return (
    <section class="ts-branch" aria-label={t('The branch')}>
      <ol class="ts-changes">{branch.changes.map((c, i) => (
        <li key={i}><button type="button" class="ts-leaf-name" disabled={c.node < 0} onClick={() => onShow(c.node)} title={t('Show where')}>{say(c.said ?? c.words)}</button><Button quiet icon label={t('Take back: {0}', say(c.said ?? c.words))} onPress={() => onDrop(branch.changes.length === 1 ? null : i)}>✕</Button></li>))}
      </ol>
      {loss && (
        <div class="ts-loss" role="group" aria-label={t('Loss after the step')}>
          <span>{t('loss now')}<b class="ts-mono">{show(loss.now, 5)}</b></span><span>{t('after the step')}<b class="ts-mono">{show(loss.before, 5)}</b></span>
          <span>{t('on the branch')}<b class="ts-mono" data-way={loss.after < loss.before ? 'better' : loss.after > loss.before ? 'worse' : undefined}>{show(loss.after, 5)} {loss.after < loss.before ? '▾' : loss.after > loss.before ? '▴' : '='}</b></span>
          {!loss.measured && <span class="ts-faint">{t('to first order: the loss was not computed again')}</span>}
        </div>
      )}
      <h3>{t('Gradients, without and with')}{branch.optimizer ? `; ${branch.optimizer}` : ''}</h3>
      {moved.length === 0 ? <p class="ts-muted">{t('No gradient of a parameter changes.')}</p> : (
        <div class="ts-scroll" tabIndex={0} role="group" aria-label={t('Gradients, without and with')}><table class="ts-compare"><thead><tr><th scope="col">{t('Parameter')}</th><th scope="col">{t('norm')}</th><th scope="col">cos</th>{moved.some(p => p.update) && <th scope="col">{t('Update')}</th>}</tr></thead><tbody>
          {moved.slice(0, 40).map(p => (
            <tr key={p.parameter}><th scope="row" class="ts-mono" title={p.parameter}><span class="ts-clip">{p.parameter}</span><i aria-hidden="true"><b style={{ width: `${bar(p.grad[0], most)}%` }} /><b data-new style={{ width: `${bar(p.grad[1], most)}%` }} /></i></th>
              <td class="ts-mono">{show(p.grad[0], 3)} → {show(p.grad[1], 3)}</td><td class="ts-mono" data-bad={p.cosine < 0 || undefined}>{show(p.cosine, 2)}</td>{moved.some(q => q.update) && <td class="ts-mono">{p.update ? `${show(p.update[0], 2)} → ${show(p.update[1], 2)}` : ''}</td>}</tr>))}
        </tbody></table></div>
      )}
      {parameters.length > moved.length && <p class="ts-faint">{t('{0} of {1} parameters stay as they are.', parameters.length - moved.length, parameters.length)}</p>}
      <div class="ts-row ts-gap"><Button primary disabled={busy} onPress={onKeep} title="Completes the pass: the branch's gradients are written to .grad">{t('Keep it')}</Button><Button disabled={busy} onPress={() => onDrop(null)}>{t('Drop the branch')}</Button></div>
      {branch.note && <p class="ts-muted">{say(branch.said?.note ?? branch.note)}</p>}
      <span class="ts-hidden" role="status" aria-live="polite">{[...branch.changes.map(c => say(c.said ?? c.words)), t('{0} of {1} parameters stay as they are.', parameters.length - moved.length, parameters.length), loss && `${t('loss now')} ${show(loss.now, 5)}, ${t('after the step')} ${show(loss.before, 5)}, ${t('on the branch')} ${show(loss.after, 5)}`].filter(Boolean).join('. ')}</span>
    </section>
  );
}

const bar = (norm: number, most: number) => (most > 0 && Number.isFinite(norm) ? Math.max(1, (norm / most) * 100) : 0);
