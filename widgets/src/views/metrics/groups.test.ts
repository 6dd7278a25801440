import { expect, it } from 'vitest';
import { chartsOf, leafOf } from './groups';

it('charts: loss first, splits of one quantity together, one chart for all parameters', () => {
  const charts = chartsOf(['lr', 'acc/val', 'acc/train', 'grad_norm/fc1.weight', 'grad_norm/fc2.weight', 'loss', 'zeta', 'val/loss', 'val/acc', 'grad_norm']);
  expect(charts.map(c => [c.group, c.id, c.tags.length, c.log])).toEqual([
    ['Training', 'loss', 1, false], ['Training', 'grad_norm', 1, false], ['Training', 'lr', 1, false], ['Training', 'zeta', 1, false],
    ['acc', 'acc/', 2, false], ['val', 'val/acc', 1, false], ['val', 'val/loss', 1, false], ['Parameters', 'grad_norm/', 2, true],
  ]);
  expect(leafOf('acc/train', charts[4]!)).toBe('train');
  expect(leafOf('val/loss', charts[6]!)).toBe('val/loss');
  expect(chartsOf(['loss', 'lr'], ' LO ').map(c => c.id)).toEqual(['loss']);
  expect(chartsOf(['/odd', 'constructor', '__proto__/x']).map(c => c.tags[0])).toEqual(['/odd', 'constructor', '__proto__/x']);
});

it('a filter is a regular expression, or text where it is none', () => {
  expect(chartsOf(['loss', 'val/loss', 'lr'], '^(loss|lr)$').map(c => c.id)).toEqual(['loss', 'lr']);
  expect(chartsOf(['loss', 'a(b', 'lr'], 'a(').map(c => c.id)).toEqual(['a(b']);
  expect(chartsOf(['loss'], 'x{')).toEqual([]);
});
