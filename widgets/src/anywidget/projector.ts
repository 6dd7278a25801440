import { projector } from '../views/projector';
import { widget } from './host';

export default widget(projector, 520);
