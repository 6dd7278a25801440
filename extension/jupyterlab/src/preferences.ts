import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

/** The user's settings, with their defaults until (or where there is no registry, instead of) what was read. */
export class Preferences {
  theme = 'auto';
  level = 'stats';
  first = 'dashboard';
  statusBar = true;
  private changed_ = new Signal<this, void>(this);

  constructor(registry: ISettingRegistry | null, id: string) {
    registry
      ?.load(id)
      .then(settings => {
        const read = () => {
          const { theme, level, first, statusBar } = settings.composite as Partial<Preferences>;
          Object.assign(this, { theme, level, first, statusBar });
          this.changed_.emit();
        };
        settings.changed.connect(read);
        read();
      })
      .catch(error => console.warn('tapescope: settings:', error));
  }

  get changed(): ISignal<this, void> {
    return this.changed_;
  }
}
