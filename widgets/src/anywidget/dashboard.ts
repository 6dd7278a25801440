import { dashboard } from '../views/dashboard';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(dashboard, HEIGHTS.dashboard);
