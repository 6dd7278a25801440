/** The stage of the backward view: the graph as it is in the graph view, with the states of a pass. */

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { GraphModel } from '../../engines/graphmodel';
import type { RunStore } from '../../store/types';
import { cardOf } from '../graph/describe';
import type { Chosen } from '../graph/side';
import { Stage } from '../graph/stage';
import { itemsOf, targetOf } from '../graph/view';
import { passLook, placeOf } from './look';

export interface PictureProps {
  model: GraphModel; version: number; store: RunStore; states: Uint8Array; node: number; chosen: Chosen | null;
  /** Grows when the cursor is to be brought into sight, with all that is around it opened. */
  open: number;
  onChoose(target: Chosen | null): void;
}

export function Picture(props: PictureProps) {
  const { model, version, states, node, chosen, open } = props;
  const place = useRef<HTMLDivElement>(null), stage = useRef<Stage | null>(null), now = useRef(props);
  now.current = props;

  useLayoutEffect(() => {
    const s = (stage.current = new Stage(place.current!, {
      look: scene => passLook(scene, now.current.states),
      card: (scene, item) => cardOf(scene, item, now.current.store),
      choose: (scene, item) => now.current.onChoose(item < 0 ? null : targetOf(scene, item)),
      changed: () => { mark(); begin(); },
    }));
    s.canvas.setAttribute('aria-label', 'The graph, as the backward pass goes through it');
    return () => { s.close(); stage.current = null; };
  }, []);
  // A pass begins at the end of the picture.
  const begun = useRef(false);
  const begin = () => {
    const s = stage.current, op = placeOf(now.current.model, now.current.node);
    if (begun.current || !s?.scene || s.size.width === 0 || op < 0) return;
    begun.current = true;
    s.lookAt(s.scene.itemOfOp(op));
  };
  const mark = () => {
    const s = stage.current;
    if (!s?.scene) return;
    s.chosen = itemsOf(s.scene, now.current.chosen);
    s.redraw();
  };
  useLayoutEffect(() => stage.current?.show(model), [model, version]);
  useLayoutEffect(() => stage.current?.restyle(), [states]);
  useLayoutEffect(mark, [chosen?.kind, chosen?.row]);

  // The cursor stays in sight; closed modules stay closed and say how far they are.
  const opened = useRef(open);
  useEffect(() => {
    const s = stage.current, op = placeOf(model, node);
    if (!s || op < 0) return;
    if (opened.current !== open) s.revealOp(op);
    else if (s.scene) s.lookAt(s.scene.itemOfOp(op));
    opened.current = open;
  }, [node, open, model]);

  return <div class="ts-stage ts-grow" ref={place} />;
}

/** Signs and hues of the states. */
export function PassLegend() {
  return <span class="ts-back-legend" aria-hidden="true"><span><i data-is="done">✓</i> done</span><span><i data-is="current">▴</i> next</span><span><i data-is="pending" /> waiting</span></span>;
}
