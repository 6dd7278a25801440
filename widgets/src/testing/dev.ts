/** dev.html?view=metrics&theme=dark&rate=20&begin=10&graph=transformer&trouble=empty&held=1&option.key=fc1 */

import type { View } from '../store/types';
import { dress } from '../theme';
import { DemoHost, type DemoOptions } from './demo';
import { views } from './all';

const query = new URLSearchParams(location.search);
const el = document.getElementById('view')!;
const name = query.get('view') ?? 'dashboard';
const theme = query.get('theme') ?? 'auto';

const number = (key: string) => (query.has(key) ? Number(query.get(key)) : undefined);
const options: DemoOptions = {};
for (const key of ['steps', 'begin', 'rate'] as const) { const v = number(key); if (v !== undefined) options[key] = v; }
options.graph = (query.get('graph') as DemoOptions['graph']) ?? 'mlp';
options.trouble = (query.get('trouble') as DemoOptions['trouble']) ?? 'none';
options.held = query.has('held');
if (query.has('width')) el.style.width = `${query.get('width')}px`;
if (query.has('height')) el.style.height = `${query.get('height')}px`;

const host = new DemoHost(options);
host.options = { theme };
for (const [key, value] of query) if (key.startsWith('option.')) host.options[key.slice(7)] = value;
document.documentElement.style.background = theme === 'dark' ? '#15181d' : '#fff';
dress(el, theme);
const view: View | undefined = views[name];
if (view) Object.assign(globalThis, { host, stop: view(el, host) });
else el.textContent = `No view "${name}". There are: ${Object.keys(views).join(', ')}`;
