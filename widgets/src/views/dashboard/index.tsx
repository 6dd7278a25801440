/** Everything at once: findings left, timeline and graph in the middle, the chosen tensor right, metrics below. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Badge, FoldingTabs, Nothing, Split, t, useAhead, useRun, useSelection } from '../../chrome';
import type { Host, View } from '../../store/types';
import { addStyle } from '../../theme';
import { findings } from '../findings';
import { metrics } from '../metrics';
import { viewOf, type ViewProps } from '../mount';
import { tensor } from '../tensor';
import { AHEAD, PARTS } from './parts';
import { StatusLine } from './status';
import { STYLE } from './style';
import { Timeline } from './timeline';

const VIEWS: Record<string, View> = { findings, tensor, metrics, ...PARTS };
const NAMES: Record<string, string> = { graph: 'Graph', backward: 'Backward', tensor: 'Tensor', histograms: 'Histograms', projector: 'Projector', media: 'Media', metrics: 'Metrics', findings: 'Findings' };
const known = (...ids: string[]) => ids.filter(id => id in VIEWS);

/** Below these widths panes share a place by tabs instead of standing side by side. */
const ONE = 720, NO_LEFT = 1080;

function Dashboard({ at, host, root }: ViewProps) {
  const store = useRun(at, ['status', 'graph', 'findings', 'debug', 'scalars']);
  const { step, finding } = useSelection(at);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1200);
  useEffect(() => addStyle(root, 'tapescope-dashboard', STYLE), []);
  useAhead(...AHEAD);
  useLayoutEffect(() => {
    const look = () => setWidth(box.current!.clientWidth || 1200);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const held = store?.debug?.state === 'held';
  const troubles = store?.findings.length ?? 0;
  const found = { findings: troubles };
  let body;
  if (!store) body = <Nothing link={at.link} recorded={false} what="" />;
  else if (width < ONE) {
    body = <Deck key="one" host={host} ids={known('graph', 'backward', 'metrics', 'histograms', 'tensor', 'projector', 'media', 'findings')} counts={found} wish={held ? 'backward' : null} />;
  } else {
    const centre = <Deck host={host} ids={known('graph', 'backward')} wish={held ? 'backward' : finding !== null && !held ? 'graph' : null} />;
    const right = <Deck host={host} ids={known('tensor', 'histograms', 'projector', 'media', ...(width < NO_LEFT ? ['findings'] : []))} counts={found} wish={null} />;
    const upper = <Split key="right" label="Width of the right side" initial={0.6} first={centre} second={right} />;
    const left = <Deck host={host} ids={['findings']} counts={found} wish={null} />;
    body = (
      <Split along="column" label="Height of the metrics" initial={0.64} second={<Deck host={host} ids={['metrics']} wish={null} />}
        first={width < NO_LEFT ? upper : <Split key="findings" label="Width of the findings" initial={0.22} first={left} second={upper} />} />
    );
  }
  return (
    <div class="ts-column ts-dash" ref={box}>
      {store && <Timeline at={at} store={store} />}
      <div class="ts-grow">{body}</div>
      <StatusLine link={at.link} store={store} step={step} />
    </div>
  );
}

/** One place for one or several views. A view once shown stays, so that its zoom and search are there when it comes back. */
function Deck({ host, ids, counts = {}, wish }: { host: Host; ids: string[]; counts?: Record<string, number>; wish: string | null }) {
  const [shown, setShown] = useState(wish && ids.includes(wish) ? wish : ids[0]!);
  const visited = useRef(new Set<string>());
  useEffect(() => { if (wish && ids.includes(wish)) setShown(wish); }, [wish]);
  const current = ids.includes(shown) ? shown : ids[0]!;
  visited.current.add(current);
  const name = (id: string) => `${t(NAMES[id]!)}${counts[id] ? ` ${counts[id]}` : ''}`;
  return (
    <div class="ts-column">
      {(ids.length > 1 || counts[current] !== undefined) && <div class="ts-panehead">
        {ids.length > 1
          ? <FoldingTabs label="View" value={current} options={ids.map(id => ({ value: id, label: name(id) }))} onChange={setShown} />
          : <><span class="ts-title">{t(NAMES[current]!)}</span>{counts[current] ? <Badge tone="trouble">{counts[current]}</Badge> : null}</>}
      </div>}
      <div class="ts-panebody">
        {ids.filter(id => visited.current.has(id)).map(id => <Place key={id} view={VIEWS[id]!} host={host} hidden={id !== current} label={NAMES[id]!} />)}
      </div>
    </div>
  );
}

function Place({ view, host, hidden, label }: { view: View; host: Host; hidden: boolean; label: string }) {
  const el = useRef<HTMLDivElement>(null);
  useEffect(() => {
    try {
      return view(el.current!, host);
    } catch (error) {                                   // one broken view must not take the others with it
      console.error('tapescope:', error);
      el.current!.textContent = `${label} could not be shown: ${(error as Error).message}`;
      return undefined;
    }
  }, []);
  return <div ref={el} hidden={hidden} role="region" aria-label={label} />;
}

export const dashboard: View = viewOf(Dashboard);
