import { histograms } from '../views/histograms';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(histograms, HEIGHTS.histograms);
