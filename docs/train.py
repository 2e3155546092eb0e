"""Trains a decision tree on measurements of Italian wines (scikit-learn ships them) and registers it as `wine`."""

import sys

from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

import gitreg

max_depth = int(sys.argv[1])

X, y = load_wine(return_X_y=True, as_frame=True)
X = X[["alcohol", "flavanoids", "color_intensity", "proline"]]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

gitreg.use("registry")
with gitreg.start_run(f"depth {max_depth}"):
    model = DecisionTreeClassifier(max_depth=max_depth, random_state=0).fit(X_train, y_train)
    accuracy = model.score(X_test, y_test)
    gitreg.log_params({"max_depth": max_depth})
    gitreg.log_metrics({"accuracy": round(accuracy, 4)})
    gitreg.log_model(model, input_example=X_train[:3], register_as="wine")
print(f"a tree of depth {max_depth}: {accuracy:.1%} of the wines it had not seen")
