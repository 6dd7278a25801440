/** Which tags share a chart, and how charts are grouped. */

export interface ChartSpec { id: string; title: string; tags: string[]; log: boolean; group: string }

/** Derived tags with one line a parameter: one chart for all of them, on a log axis. */
const PER_PARAMETER = new Map([['grad_norm', 'gradient norms'], ['update_ratio', 'update / weight']]);
const FIRST = ['loss', 'accuracy', 'grad_norm', 'lr', 'step_time'];
const TITLES = new Map([['grad_norm', 'gradient norm'], ['lr', 'learning rate'], ['step_time', 'step time (ms)']]);
/** Parts of a data set: `loss/train` and `loss/val` are one quantity twice. */
const SPLITS = new Set(['train', 'training', 'val', 'valid', 'validation', 'test', 'eval', 'dev']);

/** What a filter lets pass: a regular expression, or where it is none, text that must occur. Upper and lower case are one. */
export function matcher(filter: string): (tag: string) => boolean {
  const wanted = filter.trim();
  if (!wanted) return () => true;
  try {
    const pattern = new RegExp(wanted, 'i');
    return tag => pattern.test(tag);
  } catch {
    return tag => tag.toLowerCase().includes(wanted.toLowerCase());
  }
}

export function chartsOf(tags: Iterable<string>, filter = ''): ChartSpec[] {
  const wanted = matcher(filter);
  const byPrefix = new Map<string, string[]>();
  for (const tag of tags) {
    if (!wanted(tag)) continue;
    const slash = tag.indexOf('/');
    const prefix = slash > 0 ? tag.slice(0, slash) : '';
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), tag]);
  }
  const charts: ChartSpec[] = [];
  const one = (tag: string, group: string, title: string) => charts.push({ id: tag, title, tags: [tag], log: false, group });
  for (const tag of (byPrefix.get('') ?? []).sort(byRank)) one(tag, 'Training', TITLES.get(tag) ?? tag);
  for (const prefix of [...byPrefix.keys()].filter(p => p && !PER_PARAMETER.has(p)).sort()) {
    const group = byPrefix.get(prefix)!.sort();
    if (group.length > 1 && group.every(tag => SPLITS.has(tag.slice(prefix.length + 1).toLowerCase()))) {
      charts.push({ id: `${prefix}/`, title: prefix, tags: group, log: false, group: prefix });
    } else for (const tag of group) one(tag, prefix, tag.slice(prefix.length + 1));
  }
  for (const [prefix, title] of PER_PARAMETER) {
    const group = byPrefix.get(prefix);
    if (group) charts.push({ id: `${prefix}/`, title, tags: group, log: true, group: 'Parameters' });
  }
  return charts;
}

const rank = (tag: string) => { const at = FIRST.indexOf(tag); return at < 0 ? FIRST.length : at; };
const byRank = (a: string, b: string) => rank(a) - rank(b) || (a < b ? -1 : 1);

/** A line's name inside its chart. */
export function leafOf(tag: string, spec: ChartSpec): string {
  return spec.tags.length > 1 && tag.includes('/') ? tag.slice(tag.indexOf('/') + 1) : tag;
}
