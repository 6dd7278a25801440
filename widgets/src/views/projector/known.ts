/** What is known of the rows: what they can be coloured by, and how they are found by words. */

import { t } from '../../chrome';
import { colouring, ramp, type Colouring } from '../../engines/points_palette';
import type { Projection } from '../../store/types';
import { wordOf } from './model';

/** "label", "row", "right" (whether the model answers what is true), or the name of a value after "value/". */
export type By = string;

const WORDS: Record<string, string> = { label: 'Label', row: 'Row', predicted: 'Answer', right: 'Right or wrong' };

export const nameOfBy = (by: By): string => (by.startsWith('value/') ? t(by.slice(6)) : t(WORDS[by] ?? by));

/** What these points can be coloured by. */
export function coloursBy({ label, predicted, values }: Projection): By[] {
  return [...(label ? ['label'] : []), ...(predicted ? ['predicted'] : []), ...(predicted && label ? ['right'] : []), ...[...(values?.keys() ?? [])].map(name => `value/${name}`), 'row'];
}

/** The classes that are told apart by `by`, and words for them; null where it is a number. */
export function classesOf(shown: Projection, by: By): { of: Int32Array; names: Record<string, string> | undefined } | null {
  const { label, predicted, names } = shown;
  if (by === 'label' && label) return { of: label, names };
  if (by === 'predicted' && predicted) return { of: predicted, names };
  if (by === 'right' && label && predicted) return { of: label.map((l, i) => (l === predicted[i] ? 0 : 1)), names: { 0: t('right'), 1: t('wrong') } };
  return null;
}

export function colouringOf(shown: Projection, by: By): Colouring {
  const classes = classesOf(shown, by), n = shown.n;
  if (classes) return colouring(classes.of.length >= n ? classes.of : null, n);
  const value = by.startsWith('value/') ? shown.values?.get(by.slice(6)) : null;
  if (value && value.length >= n) return ramp(value, n);
  return by === 'row' ? ramp(Float32Array.from({ length: n }, (_, i) => shown.row?.[i] ?? i), n) : colouring(null, n);
}

/**
 * Points that fit what was typed: "#12" or "12" the row of that number, anything else a part of the word of a label; "12" a label where one is called so. Null for nothing typed.
 */
export function found(shown: Projection, typed: string): Uint32Array | null {
  const text = typed.trim().toLowerCase();
  if (!text) return null;
  const number = /^#?\d+$/.test(text) ? Number(text.replace('#', '')) : null, rows: number[] = [];
  for (let i = 0; i < shown.n; i++) {
    const word = shown.label ? wordOf(shown.label[i]!, shown.names).toLowerCase() : '';
    if ((!text.startsWith('#') && word && (number === null ? word.includes(text) : word === text)) || (number !== null && (shown.row?.[i] ?? i) === number)) rows.push(i);
  }
  return Uint32Array.from(rows);
}

/** What a reader is told of a point, a line each. */
export function factsOf(shown: Projection, row: number): string[] {
  const { label, predicted, values, names } = shown, word = (l: number) => (names ? wordOf(l, names) : t('label {0}', l));
  const answer = predicted && label ? (predicted[row] === label[row] ? [] : [t('answered {0}', wordOf(predicted[row]!, names))]) : [];
  return [...(label ? [word(label[row]!)] : []), ...answer, ...[...(values ?? [])].map(([name, v]) => `${name} ${Number(v[row]!.toPrecision(4))}`)];
}
