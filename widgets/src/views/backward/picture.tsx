/** The stage of the backward view: the graph as it is in the graph view, with the states of a pass. */

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import type { Origin, RunStore } from '../../store/types';
import { cardOf } from '../graph/describe';
import type { Chosen } from '../graph/side';
import { Stage } from '../graph/stage';
import { itemsOf, targetOf } from '../graph/view';
import { fieldsOf, type Places } from '../../breaks/places';
import { forwardLook, passLook, placeOf } from './look';

export interface PictureProps {
  model: GraphModel; version: number; store: RunStore; chosen: Chosen | null; node: number;
  /** Of the backward pass; null while the forward pass runs, which stands at `op`. */
  states: Uint8Array | null; op?: number; places?: Places;
  /** The picture runs on by itself: it does not glide. */
  still?: boolean;
  /** Grows when the cursor is to be brought into sight, with all that is around it opened. */
  open: number;
  /** Grows when what is chosen is to be brought into sight. */
  reveal?: number;
  /** A second line of nodes, by row; and how a value that is not finite came to the loss. */
  notes?: ReadonlyMap<number, string> | null; trail?: Origin | null;
  onChoose(target: Chosen | null): void;
  onBreak?(target: Chosen): void;
}

export function Picture(props: PictureProps) {
  const { model, version, states, node, op = -1, places, chosen, open } = props;
  const place = useRef<HTMLDivElement>(null), stage = useRef<Stage | null>(null), now = useRef(props);
  now.current = props;

  const begun = useRef(false);
  useLayoutEffect(() => {
    const s = (stage.current = new Stage(place.current!, {
      look: scene => (now.current.states ? passLook(scene, now.current.states, now.current) : forwardLook(scene, now.current.op ?? -1, now.current.places)),
      card: (scene, item) => cardOf(scene, item, now.current.store),
      choose: (scene, item) => now.current.onChoose(item < 0 ? null : targetOf(scene, item)),
      changed: () => { mark(); begin(); },
      dot: {
        can: (scene, item) => { const target = now.current.onBreak && targetOf(scene, item); return Boolean(target && fieldsOf(scene.model, target, !now.current.states)); },
        press: (scene, item) => { const target = targetOf(scene, item); if (target) now.current.onBreak?.(target); },
      },
    }));
    s.canvas.setAttribute('aria-label', now.current.states ? t('The graph, as the backward pass goes through it') : t('The graph, as the forward pass goes through it'));
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(() => { const at = placeAt(now.current); if (begun.current && s.scene && at >= 0) s.lookAt(s.scene.itemOfOp(at)); }) : null;
    observer?.observe(place.current!);
    return () => { s.close(); observer?.disconnect(); stage.current = null; };
  }, []);
  // A pass begins at the end of the picture.
  const begin = () => {
    const s = stage.current, op = placeAt(now.current);
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
  useLayoutEffect(() => stage.current?.restyle(), [states, places, op, props.notes, props.trail]);
  useLayoutEffect(mark, [chosen?.kind, chosen?.row]);

  // The cursor stays in sight; closed modules stay closed and say how far they are.
  const opened = useRef(open);
  useEffect(() => {
    const s = stage.current, place = placeAt(now.current);
    if (!s || place < 0) return;
    if (opened.current !== open) s.revealOp(place);
    else if (s.scene) s.lookAt(s.scene.itemOfOp(place), now.current.still);
    opened.current = open;
  }, [node, op, open, model]);

  const shown = useRef(props.reveal);
  useEffect(() => {
    const s = stage.current, target = now.current.chosen;
    if (shown.current === props.reveal || !s || !target) return;
    shown.current = props.reveal;
    if (target.kind === 'op') s.revealOp(target.row);
    else if (target.kind === 'module') s.revealModule(target.row);
    else { const user = model.usersOf(target.row)[0]; if (user !== undefined) s.revealOp(user); }
  }, [props.reveal, chosen?.kind, chosen?.row]);

  return <div class="ts-stage ts-grow" ref={place} />;
}

const placeAt = ({ model, node, op = -1, states }: PictureProps) => (states ? placeOf(model, node) : op);

/** Signs and hues of the states. */
export function PassLegend() {
  return <span class="ts-back-legend" aria-hidden="true"><span><i data-is="done">✓</i> {t('done')}</span><span><i data-is="current">▴</i> {t('next')}</span><span><i data-is="pending" /> {t('waiting')}</span></span>;
}
