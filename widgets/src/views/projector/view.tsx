/** The projector: a layer chosen here, its rows as points, over steps. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Nothing, Select, Tabs, t, useRedraw, useRun, useSelection } from '../../chrome';
import type { Attachment, Projection } from '../../store/types';
import { Cloud } from './cloud';
import { useAxes, useEmbedding, useProbe } from './embedding';
import { at as projectionAt, idOf, keyOf, layers as layersOf, type Method } from './model';
import { Choose, Progress, Waiting } from './panels';

const KINDS = ['graph', 'status'] as const;

export interface Preset { key: string | null; depth: 2 | 3; method: Method; axes: string; own: string; pictures: boolean; by: string | null }

export function ProjectorView({ at, preset }: { at: Attachment; preset: Preset }) {
  const root = useRef<HTMLDivElement>(null);
  const store = useRun(at, KINDS);
  const redraw = useRedraw();
  const selection = useSelection(at);
  const [key, setKey] = useState<string | null>(preset.key === null ? null : keyOf(preset.key));
  const [small, setSmall] = useState(false);
  const [method, setMethod] = useState<Method>(preset.method);
  const [axes, setAxes] = useState(preset.axes || '#0 | #1 | #2');
  const [dims, setDims] = useState(preset.depth);
  const [going, setGoing] = useState(true);             // an embedding that was not halted

  useEffect(() => store?.on('projection', redraw), [store]);
  useLayoutEffect(() => {
    const el = root.current!;
    const measure = () => setSmall(el.clientWidth > 0 && (el.clientWidth < 720 || el.clientHeight < 460));
    measure();
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(measure) : null;
    observer?.observe(el);
    return () => observer?.disconnect();
  }, []);

  // An activation selected elsewhere is taken up while nothing is chosen here.
  useEffect(() => {
    if (key === null && selection.key?.startsWith('activation/')) setKey(selection.key);
  }, [selection.key]);

  const { reason, patient } = useProbe(at, store?.id ?? null, key);
  const replay = at.link.state === 'replay', made_ = replay ? 'pca' : method, embeds = made_ === 'tsne' || made_ === 'own';
  const id = key && idOf(key, made_, dims, made_ === 'own' ? preset.own : axes.split(/\s*\|\s*/).slice(0, 3).join('|'));
  const refused = useEmbedding(at, store?.id ?? null, embeds ? id : null, going), unfit = useAxes(at, store?.id ?? null, made_ === 'axes' ? id : null);
  const layers = useMemo(() => (store ? layersOf(store) : []), [store, store?.graph, store?.graph?.version, store?.projections.size]);
  const choose = (id: string) => {
    setKey(id);
    setGoing(true);
    at.selection.set({ key: id, point: null });
  };
  const of = (id: string | null): Projection[] | undefined => { const list = id === null ? undefined : store?.projections.get(id)?.filter(p => !p.trouble); return list?.length ? list : undefined; };
  const list = of(id) ?? of(key), shown = projectionAt(list, selection.step), trouble = refused || unfit || (id === null ? '' : store?.projections.get(id)?.at(-1)?.trouble ?? '');
  const known = layers.some((l) => l.key === key);
  const options = [
    ...(key === null ? [{ value: '', label: 'Choose a layer' }] : []),
    ...(key !== null && !known ? [{ value: key, label: key }] : []),
    ...layers.map((l) => ({ value: l.key, label: `${'\u2003'.repeat(l.depth)}${l.path}${l.cls ? `  ${l.cls}` : ''}` })),
  ];
  const methods = [{ value: 'pca' as const, label: 'PCA' }, { value: 'tsne' as const, label: 't-SNE' }, ...(preset.own ? [{ value: 'own' as const, label: preset.own }] : []), { value: 'axes' as const, label: 'Axes' }];
  return (
    <div class="ts-proj ts-column" ref={root} data-small={small || undefined}>
      {!store ? <div class="ts-grow"><Nothing link={at.link} recorded={false} what="" /></div>
        : shown ? <Cloud key={key} at={at} store={store} of={key!} list={list!} shown={shown} depth={dims} onDepth={d => { setDims(d); setGoing(true); }} small={small} live={store.status?.state === 'recording'} preset={preset}
            chooser={<><Select label="Layer" hideLabel value={key ?? ''} options={options} onChange={choose} />
              {!replay && <Tabs<Method> as="radio" label="Projection" value={method} options={methods} onChange={m => { setMethod(m); setGoing(true); }} />}
              {made_ === 'axes' && <input class="ts-input ts-proj-axes" aria-label={t('Axes')} title={t('#3 is a column, loss a value, cat>dog the way from one label to another; | between two axes')} value={axes} onChange={e => setAxes(e.currentTarget.value)} />}</>}
            task={embeds ? <Progress name={made_ === 'tsne' ? 't-SNE' : preset.own} shown={shown.progress ? shown : null} going={going} trouble={trouble} onGo={setGoing} />
              : trouble ? <p class="ts-proj-pill" data-trouble role="alert">{trouble}</p> : null} />
        : (
          <>
            {key !== null && <div class="ts-bar"><Select label="Layer" hideLabel value={key} options={options} onChange={choose} /></div>}
            <div class="ts-grow">{key === null ? <Choose layers={layers} over={store.status?.state === 'stopped'} onChoose={choose} /> : <Waiting id={key} reason={reason} over={store.status?.state === 'stopped' && !patient} />}</div>
          </>
        )}
    </div>
  );
}
