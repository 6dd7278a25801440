import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { Attachment, Status } from '@tapescope/widgets';
import { KernelLink } from './link';
import { t } from './words';

/** One line about the active notebook: whether it records, its step, what watching costs, what was lost. A click opens the panel. */
export class StatusItem extends Widget {
  /** There is something to say. */
  active = false;
  readonly activeChanged = new Signal<this, void>(this);
  private link: KernelLink | null = null;
  private at: Attachment | null = null;
  private connection: unknown = null;
  private offs: (() => void)[] = [];
  private button = document.createElement('button');

  constructor(open: () => void) {
    super();
    this.addClass('ts-status-item');
    this.button.type = 'button';
    this.button.addEventListener('click', open);
    this.node.append(this.button);
  }

  follow(link: KernelLink | null): void {
    if (link === this.link) {
      return;
    }
    this.link?.changed.disconnect(this.look, this);
    this.link = link;
    link?.changed.connect(this.look, this);
    this.look();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.follow(null);
      super.dispose();
    }
  }

  /** Joins the stream of a kernel that has recorded something; the code for it is loaded only then. */
  private look(): void {
    const connection = this.link?.state === 'live' && this.link.recordings.length > 0 ? this.link.connection : null;
    if (connection === this.connection) {
      return;
    }
    this.connection = connection;
    this.leave();
    if (!connection) {
      this.tell(null, '');
      return;
    }
    void import('@tapescope/widgets').then(({ hubOf }) => {
      if (this.connection !== connection || this.isDisposed) {
        return;
      }
      const at = (this.at = hubOf().attach(connection, 'latest'));
      let quiet = () => undefined as void;
      const follow = () => {
        quiet();
        const store = at.store();
        quiet = store?.on('status', () => this.tell(store.status, store.name)) ?? (() => undefined);
        this.tell(store?.status ?? null, store?.name ?? '');
      };
      this.offs = [at.onStore(follow), at.need('status'), () => quiet()];
      follow();
    });
  }

  private leave(): void {
    this.offs.forEach(off => off());
    this.offs = [];
    this.at?.release();
    this.at = null;
  }

  private tell(status: Status | null, name: string): void {
    if (this.active !== (status !== null)) {
      this.active = status !== null;
      this.activeChanged.emit();
    }
    if (!status) {
      return;
    }
    const recording = status.state === 'recording';
    const words = [`${t('step')} ${status.step}`, `${(status.overhead * 100).toFixed(status.overhead < 0.1 ? 1 : 0)}%`, ...(status.dropped > 0 ? [`${status.dropped} ${t('dropped')}`] : [])];
    this.button.dataset.recording = String(recording);
    this.button.textContent = `Tapescope ${recording ? '●' : '■'} ${words.join(' · ')}`;
    this.button.title = `${name}: ${t(recording ? 'recording' : 'stopped')}, ${t('step')} ${status.step}, ${t('overhead')} ${(status.overhead * 100).toFixed(1)}%, ${t('dropped')} ${status.dropped}`;
  }
}
