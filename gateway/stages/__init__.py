"""The steps of the stories: recall, admit, judge, authorise, forward, think, settle. One verb each; none knows another; the stories join them."""
