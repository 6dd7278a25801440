/** What is seen, heard and read: whatever the program logs beside numbers, and the pictures that a model has inside. */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, Nothing, Slider, t, useKept, useRun, useSelection } from '../../chrome';
import type { Attachment, Media, RunStore, View } from '../../store/types';
import { addStyle } from '../../theme';
import { Scrubber } from '../histograms/scrubber';
import { SCRUB_CSS } from '../histograms/style';
import { matcher } from '../metrics/groups';
import { viewOf, type ViewProps } from '../mount';
import { candidates, Maps, whatOf } from './maps';
import { Film, Picture, Sound } from './picture';
import { STYLE } from './style';
import { Curve, Solid, Table, Text } from './words';

/** Pictures first; what is no kind of ours last. */
const ORDER = ['image', 'video', 'pr_curve', 'mesh', 'audio', 'text', 'hparams'];
const rank = (kind: string) => { const at = ORDER.indexOf(kind); return at < 0 ? ORDER.length : at; };

/** Everything of one tag: the entries of a step belong together (a mesh comes in parts). */
interface Group { name: string; kind: string; tag: string; lists: Media[][] }

export function groupsOf(store: Pick<RunStore, 'media'>, filter: string): Group[] {
  const wanted = matcher(filter), groups = new Map<string, Group>();
  for (const list of store.media.values()) {
    const { kind, tag } = list[0]!, name = `${kind}/${tag}`;
    if (!wanted(name) || kind === 'custom_scalars') continue;
    const group = groups.get(name) ?? { name, kind, tag, lists: [] };
    group.lists.push(list);
    groups.set(name, group);
  }
  return [...groups.values()].sort((a, b) => rank(a.kind) - rank(b.kind) || (a.name < b.name ? -1 : 1));
}

/** The entry shown at a step: the last one at or before it, else the first. */
const at_ = (list: readonly Media[], step: number | null): Media => list[step === null ? list.length - 1 : Math.max(0, list.filter(m => m.step <= step).length - 1)]!;

function MediaView({ at, host, root }: ViewProps) {
  const store = useRun(at, ['media', 'graph', 'status']);
  const selection = useSelection(at);
  const [filter, setFilter] = useKept(host, 'media.filter', String(host.options?.filter ?? ''));
  const [size, setSize] = useKept(host, 'media.size', 220);
  const [watched, setWatched] = useKept<readonly string[]>(host, 'media.watched', Array.isArray(host.options?.keys) ? (host.options.keys as unknown[]).map(String).map(k => (k.includes('/') ? k : `activation/${k}`)) : []);
  useEffect(() => { addStyle(root, 'tapescope-media', SCRUB_CSS + STYLE); }, []);
  if (!store) return <Nothing link={at.link} recorded={false} what="" />;
  const groups = groupsOf(store, filter), inside = candidates(store);
  const chosen = watched.map(key => inside.find(c => c.key === key) ?? { key, label: key, what: whatOf(key) });
  const steps = [...new Set([...store.media.values()].flatMap(list => list.map(m => m.step)).concat(chosen.flatMap(c => (store.tensors.get(c.key) ?? []).map(v => v.step))))].sort((a, b) => a - b);
  const left = inside.filter(c => !watched.includes(c.key));
  return (
    <div class="ts-column ts-media">
      <div class="ts-bar" role="toolbar" aria-label={t('Media')}>
        <input class="ts-input" type="search" placeholder={t('Filter')} aria-label={t('Filter tags')} value={filter} onInput={e => setFilter(e.currentTarget.value)} style={{ width: '130px' }} />
        <Slider label={t('Size')} value={size} min={120} max={520} step={10} onChange={setSize} width={90} />
      </div>
      <div class="ts-grow ts-scroll ts-media-body" style={{ '--ts-media-size': `${size}px` } as any}>
        {groups.length === 0 && (filter !== '' || chosen.length === 0) && <div style={{ padding: '10px 0' }}><Nothing link={at.link} recorded what={filter ? t('No tag fits “{0}”.', filter) : t('Nothing was logged beside numbers')} code={filter ? undefined : 'writer = ts.utils.tensorboard.SummaryWriter()\nwriter.add_images("batch", x, step)      # audio, text, figures, video, pr_curve, mesh too'} /></div>}
        {groups.length > 0 && <section aria-label={t('Logged')}><h2 class="ts-hidden">{t('Logged')}</h2><div class="ts-media-grid">{groups.map(g => <Card key={g.name} at={at} store={store} group={g} step={selection.step} />)}</div></section>}
        {(inside.length > 0 || chosen.length > 0) && (
          <section aria-label={t('Inside the model')}>
            <h2>{t('Inside the model')}</h2>
            {left.length > 0 && <div class="ts-media-choose">{left.map(c => <Button key={c.key} onPress={() => setWatched(now => [...now, c.key])} title={t('Watch {0} from the next step on', c.key)}>{c.label}</Button>)}</div>}
            <div class="ts-media-grid">{chosen.map(c => <Maps key={c.key} at={at} store={store} candidate={c} step={selection.step} onClose={() => setWatched(now => now.filter(k => k !== c.key))} />)}</div>
          </section>
        )}
      </div>
      {steps.length > 1 && <Scrubber steps={steps} step={selection.step} live={store.status?.state === 'recording'} slow={3} onStep={step => at.selection.set({ step })} />}
    </div>
  );
}

function Card({ at, store, group, step }: { at: Attachment; store: RunStore; group: Group; step: number | null }) {
  const items = group.lists.map(list => at_(list, step)), item = items[0]!, box = useRef<HTMLElement>(null), asked = useRef(false);
  const [failed, setFailed] = useState('');
  // The stream brings the newest few; all steps of a tag are asked for when its card is first seen.
  useEffect(() => {
    const ask = () => {
      if (asked.current || at.link.state !== 'live') return;
      asked.current = true;
      at.query('media', { id: group.tag }).catch((error: Error) => setFailed(error.message));
    };
    if (typeof IntersectionObserver !== 'function') { ask(); return; }
    const observer = new IntersectionObserver(entries => { if (entries.at(-1)!.isIntersecting) ask(); });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, [store, group.name]);
  let body: ComponentChildren;
  switch (group.kind) {
    case 'image': body = <Picture item={item} />; break;
    case 'video': body = <Film item={item} />; break;
    case 'audio': body = <Sound item={item} />; break;
    case 'text': body = <Text item={item} />; break;
    case 'hparams': body = <Table item={item} />; break;
    case 'pr_curve': body = <Curve item={item} />; break;
    case 'mesh': body = <Solid parts={items} />; break;
    default: body = item.mime.startsWith('image/') ? <Picture item={item} /> : item.mime.startsWith('text/') ? <Text item={item} /> : item.mime === 'application/json' ? <Table item={item} />
      : <p class="ts-media-note">{item.meta.shape ? t('{0}: an array of shape ({1}), {2}', group.kind, (item.meta.shape as number[]).join(', '), String(item.meta.dtype)) : t('{0}: {1} bytes of {2}', group.kind, item.bytes.length, item.mime)}</p>;
  }
  return (
    <figure class="ts-media-card" ref={box as any} data-wide={group.kind === 'text' && item.bytes.length > 600 ? true : undefined}>
      <figcaption><b class="ts-clip" title={`${group.kind} ${group.tag}`}>{group.tag}</b><span>{t('step {0}', item.step)}{group.lists[0]!.length > 1 && ` · ${group.lists[0]!.length}`}</span></figcaption>
      {body}
      {failed && <p class="ts-media-note" role="alert">{failed}</p>}
    </figure>
  );
}

export const media: View = viewOf(MediaView);
