import { projector } from '../views/projector';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(projector, HEIGHTS.projector);
