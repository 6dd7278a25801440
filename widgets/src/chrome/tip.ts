/** One floating note a view: plain text beside the pointer, kept inside the view. */

export interface Tip { show(text: string, x: number, y: number): void; hide(): void; remove(): void }

/** `el` must be positioned; x and y are in its coordinates. */
export function makeTip(el: HTMLElement): Tip {
  const box = el.ownerDocument.createElement('div');
  box.className = 'ts-tip';
  box.setAttribute('role', 'tooltip');
  box.hidden = true;
  el.appendChild(box);
  return {
    show(text, x, y) {
      if (box.textContent !== text) box.textContent = text;
      box.hidden = false;
      const { clientWidth: W, clientHeight: H } = el, { offsetWidth: w, offsetHeight: h } = box;
      box.style.left = `${Math.max(4, x + 14 + w > W ? x - w - 10 : x + 14)}px`;
      box.style.top = `${Math.max(4, Math.min(y + 14, H - h - 4))}px`;
    },
    hide() { box.hidden = true; },
    remove() { box.remove(); },
  };
}
