import { dashboard } from '../views/dashboard';
import { widget } from './host';

export default widget(dashboard, 820);
