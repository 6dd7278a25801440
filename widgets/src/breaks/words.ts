/** What the kernel says of breakpoints and stops, in the page's language. Its own words are English, and stay where the page is. */

import { language, t } from '../chrome/words';
import type { Breakpoint, DebugState, Said } from '../store/types';

/** 'backward at log in encoder.0 when nonfinite', as `ts.breakpoints` has it. */
export function wordsOf(b: Breakpoint): string {
  if (b.text || language() === 'en') return b.words;
  if (b.exception) return inStep(b, t('an exception is raised'));
  const where = [b.op, b.parameter && t('parameter {0}', b.parameter), b.shape && t('shape {0}', b.shape.map(n => n ?? '*').join('x')), b.line && t('line {0}', b.line[1])].filter(Boolean);
  const when = [b.when && (b.when === 'jump' ? t('norm jumps {0}-fold', b.factor) : b.when === 'zero' ? t('all zero') : t('nan or inf')), b.norm_above !== null && t('norm > {0}', b.norm_above), b.norm_below !== null && t('norm < {0}', b.norm_below)].filter(Boolean);
  return inStep(b, [
    b.forward ? t('forward') : t('backward'), where.length > 0 && t('at {0}', where.join(', ')), b.module !== null && t('in {0}', b.module || t('the model')),
    when.length > 0 && t('when {0}', when.join(t(' and '))),
  ].filter(Boolean).join(' '));
}

const inStep = (b: Breakpoint, words: string) => (b.step === null ? words : `${words} ${Array.isArray(b.step) ? t('in steps {0} to {1}', b.step[0], b.step[1]) : t('in step {0}', b.step)}`);

/** Why a pass stands where it does; of breakpoints what this page calls them. */
export function told({ reason, said, breakpoints = [] }: Pick<DebugState, 'reason' | 'said' | 'breakpoints'>): string {
  const of = (one: Said): string => {
    if (typeof one !== 'object') return String(one);
    const [pattern, ...given] = one, met = pattern === 'breakpoint {0}: {1}' && breakpoints.find(b => b.id === given[0]);
    return t(String(pattern), ...(met && !met.exception ? [met.id, wordsOf(met)] : given.map(of)));
  };
  return said?.reason && language() !== 'en' ? of(said.reason) : reason;
}

/** Where a paused cell stands and why, on a line: 'before node 7 of 11, ReluBackward0 in encoder.1 — In [3], line 4 — breakpoint 1: ...'. */
export function pauseWords(debug: DebugState): string {
  const { at, direction, index, total } = debug, { name, module, source } = at!, where = module ? t('{0} in {1}', name, module) : name;
  return [direction === 'forward' ? t('forward pass, {0}', where) : t('before node {0} of {1}, {2}', index + 1, total, where), source && t('{0}, line {1}', source[3] || source[0], source[1]), told(debug)].filter(Boolean).join(' — ');
}
