/** A breakpoint as a form. Its condition is data: a choice and numbers, nothing that is evaluated. */

import { useState } from 'preact/hooks';
import { Button, Select, t } from '../chrome';
import type { Breakpoint } from '../store/types';
import { wordsOf } from './words';

const CONDITIONS = [
  { value: 'always', label: 'Always' }, { value: 'nonfinite', label: 'nan or inf' }, { value: 'zero', label: 'All zero' }, { value: 'above', label: 'Norm above' },
  { value: 'below', label: 'Norm below' }, { value: 'jump', label: 'Norm jumps' },
] as const;
type Condition = (typeof CONDITIONS)[number]['value'];
const PLACES = [{ value: 'op', label: 'Op' }, { value: 'module', label: 'Module' }, { value: 'parameter', label: 'Parameter' }, { value: 'anywhere', label: 'Anywhere' }] as const;
type Place = (typeof PLACES)[number]['value'];

export interface Draft { place: Place; name: string; condition: Condition; limit: string; ignore: string; step: string; once: boolean; forward: boolean }

export function draftOf(b: Breakpoint | null): Draft {
  if (!b) return { place: 'op', name: '', condition: 'always', limit: '', ignore: '0', step: '', once: false, forward: false };
  return {
    place: b.parameter !== null ? 'parameter' : b.op !== null ? 'op' : b.module !== null ? 'module' : 'anywhere', name: b.parameter ?? b.op ?? b.module ?? '',
    condition: b.when ?? (b.norm_above !== null ? 'above' : b.norm_below !== null ? 'below' : 'always'), limit: String(b.norm_above ?? b.norm_below ?? (b.when === 'jump' ? b.factor : '')),
    ignore: String(b.ignore), step: b.step === null ? '' : Array.isArray(b.step) ? b.step.join('-') : String(b.step), once: b.once, forward: b.forward,
  };
}

/** What the kernel is told, or in words what is missing. `known` keeps what the form does not show: line, shape and which of those alike. */
export function fieldsOfDraft(d: Draft, known: Breakpoint | null): Record<string, unknown> | string {
  const number = Number(d.limit), needs = d.condition === 'above' || d.condition === 'below' || d.condition === 'jump';
  if (needs && (d.limit.trim() === '' || !Number.isFinite(number) || number < 0)) return t('The limit is a number, 0 or more.');
  const ignore = Number(d.ignore || 0);
  if (!Number.isInteger(ignore) || ignore < 0) return t('How many times it is ignored is a whole number.');
  const range = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(d.step);
  if (d.step.trim() && !range) return t('A step is a number, or two with a dash: 10-20.');
  if (!known && d.place !== 'anywhere' && !d.name.trim()) return t('Say where: a name, or a pattern such as encoder.*');
  if (!known && d.place === 'anywhere' && d.condition === 'always') return t('A breakpoint anywhere needs a condition.');
  const place = known ? {} : d.place === 'anywhere' ? {} : { [d.place]: d.name.trim() };
  return {
    ...place, when: d.condition === 'nonfinite' || d.condition === 'zero' || d.condition === 'jump' ? d.condition : null, norm_above: d.condition === 'above' ? number : null,
    norm_below: d.condition === 'below' ? number : null, ...(d.condition === 'jump' && { factor: number }), ignore, once: d.once, forward: d.forward,
    step: range ? (range[2] !== undefined ? [Number(range[1]), Number(range[2])] : Number(range[1])) : null,
  };
}

export function Editor({ breakpoint, onSave, onClose }: { breakpoint: Breakpoint | null; onSave(fields: Record<string, unknown>): void; onClose(): void }) {
  const [draft, setDraft] = useState(() => draftOf(breakpoint));
  const [problem, setProblem] = useState('');
  const put = (change: Partial<Draft>) => { setProblem(''); setDraft({ ...draft, ...change }); };
  const save = (e: Event) => {
    e.preventDefault();
    const fields = fieldsOfDraft(draft, breakpoint);
    if (typeof fields === 'string') setProblem(fields); else onSave(fields);
  };
  const text = (label: string, field: 'name' | 'limit' | 'ignore' | 'step', placeholder: string, size: number) => (
    <label class="ts-field"><span>{label}</span><input class="ts-input" value={draft[field]} placeholder={placeholder} size={size} onInput={e => put({ [field]: (e.currentTarget as HTMLInputElement).value })} /></label>
  );
  const tick = (label: string, field: 'once' | 'forward') => <label><input type="checkbox" checked={draft[field]} onChange={e => put({ [field]: (e.currentTarget as HTMLInputElement).checked })} /> {label}</label>;
  const needs = draft.condition === 'above' || draft.condition === 'below' || draft.condition === 'jump';
  return (
    <form class="ts-break-form" onSubmit={save} onKeyDown={e => { if (e.key === 'Escape') { e.preventDefault(); onClose(); } e.stopPropagation(); }} aria-label={breakpoint ? t('Edit: {0}', wordsOf(breakpoint)) : t('New breakpoint')}>
      {!breakpoint && <div class="ts-row"><Select<Place> label={t('Where')} value={draft.place} options={PLACES.map(p => ({ ...p, label: t(p.label) }))} onChange={place => put({ place })} />
        {draft.place !== 'anywhere' && text('', 'name', draft.place === 'op' ? 'log, *Backward0' : draft.place === 'module' ? 'encoder.0' : '*.weight', 14)}</div>}
      <div class="ts-row"><Select<Condition> label={t('When')} value={draft.condition} options={CONDITIONS.map(c => ({ ...c, label: t(c.label) }))} onChange={condition => put({ condition, limit: condition === 'jump' && !draft.limit ? '10' : draft.limit })} />
        {needs && text(draft.condition === 'jump' ? t('by a factor of') : '', 'limit', '1e3', 6)}</div>
      <div class="ts-row">{text(t('Ignore'), 'ignore', '0', 3)}<span class="ts-muted">{t('times')}</span>{text(t('In step'), 'step', t('any'), 6)}</div>
      <div class="ts-row">{tick(t('Only once'), 'once')}{tick(t('In the forward pass'), 'forward')}</div>
      {problem && <p class="ts-breaks-problem" role="alert">{problem}</p>}
      <div class="ts-row"><button type="submit" class="ts-button" data-primary>{t('Save')}</button><Button quiet onPress={onClose}>{t('Cancel')}</Button></div>
    </form>
  );
}
