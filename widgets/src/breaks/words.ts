/** What the kernel says of breakpoints and stops, in the page's language. Its own words are English and stay where the page is. */

import { language, t } from '../chrome/words';
import type { Breakpoint, DebugState } from '../store/types';

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

/** What may be said of a move; the longer of two that fit comes first. */
const REASONS = () => [
  [/^the pass is held before its first node$/, t('the pass is held before its first node')], [/^stepped over (\d+) nodes?$/, t('stepped over {0}')], [/^stepped back$/, t('stepped back')], [/^stepped$/, t('stepped')],
  [/^came to another module$/, t('came to another module')], [/^came from the top level$/, t('came from the top level')], [/^came from (.*)$/, t('came from {0}')], [/^went to node (\d+)$/, t('went to node {0}')],
  [/^left the top level$/, t('left the top level')], [/^left (.*)$/, t('left {0}')], [/^ran again from the start$/, t('ran again from the start')], [/^ran to \w+ (.*)$/, t('ran to {0}')], [/^started again$/, t('started again')],
  [/^edited the incoming gradient$/, t('edited the incoming gradient')], [/^complete: \.grad of (\d+) leaves is written$/, t('complete: .grad of {0} leaves is written')],
  [/^aborted: no \.grad was written$/, t('aborted: no .grad was written')], [/^interrupted: no \.grad was written$/, t('interrupted: no .grad was written')], [/^the pass raised (\w+)$/, t('the pass raised {0}')],
  [/^went on by itself: nobody has answered$/, t('went on by itself: nobody has answered')],
] as const;

/** Why a pass stands where it does. */
export function told(reason: string, breakpoints: readonly Breakpoint[] = []): string {
  if (language() === 'en') return reason;
  const reasons = REASONS();
  return reason.split('; ').map(part => {
    const [, id, rest] = /^breakpoint (\d+): (.*)$/s.exec(part) ?? [], met = breakpoints.find(b => String(b.id) === id);
    if (id) return t('breakpoint {0}: {1}', id, met && !met.exception ? wordsOf(met) : rest!);
    for (const [pattern, words] of reasons) { const found = pattern.exec(part); if (found) return words.replace('{0}', () => found[1] ?? ''); }
    return part;
  }).join('; ');
}

/** Where a paused cell stands and why, on a line: 'before node 7 of 11, ReluBackward0 in encoder.1 — In [3], line 4 — breakpoint 1: ...'. */
export function pauseWords({ at, direction, index, total, reason, breakpoints }: DebugState): string {
  const { name, module, source } = at!, where = module ? t('{0} in {1}', name, module) : name;
  return [direction === 'forward' ? t('forward pass, {0}', where) : t('before node {0} of {1}, {2}', index + 1, total, where), source && t('{0}, line {1}', source[3] || source[0], source[1]), told(reason, breakpoints)].filter(Boolean).join(' — ');
}
